//! Which pairs of RTP ports are free.

use std::collections::VecDeque;
use std::io;
use std::ops::RangeInclusive;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Why no pair of ports could be had.
#[derive(Debug)]
pub(crate) enum PortError {
    /// Every pair is in use, by us or by others.
    Exhausted,
    /// Binding failed for another reason than the port being taken.
    Bind(io::Error),
}

/// Pairs of an even and the odd port after it. The one that has been free longest comes next, so
/// that late packets of a finished call do not reach a new one.
#[derive(Debug)]
pub(crate) struct PortPool {
    free: VecDeque<u16>,
    returned: Receiver<u16>,
    size: usize,
}

impl PortPool {
    /// A pool of all pairs within `range`, and where shards give ports back.
    pub(crate) fn new(range: &RangeInclusive<u16>) -> (Self, Sender<u16>) {
        let pairs = range
            .clone()
            .filter(|port| *port > 0 && port % 2 == 0 && *port < *range.end());
        let free: VecDeque<u16> = pairs.collect();
        let (give_back, returned) = channel();
        let size = free.len();
        let pool = Self {
            free,
            returned,
            size,
        };
        (pool, give_back)
    }

    /// How many pairs there are.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// How many pairs are taken.
    pub(crate) fn in_use(&mut self) -> usize {
        self.collect();
        self.size - self.free.len()
    }

    /// Takes the pair that has been free longest and that `bind` can have; `bind` gets the even
    /// port. A pair somebody else uses goes to the end of the queue.
    pub(crate) fn take<T>(
        &mut self,
        mut bind: impl FnMut(u16) -> io::Result<T>,
    ) -> Result<(u16, T), PortError> {
        self.collect();
        for _ in 0..self.free.len() {
            let Some(port) = self.free.pop_front() else {
                break;
            };
            match bind(port) {
                Ok(bound) => return Ok((port, bound)),
                Err(error) => {
                    self.free.push_back(port);
                    if error.kind() != io::ErrorKind::AddrInUse {
                        return Err(PortError::Bind(error));
                    }
                }
            }
        }
        Err(PortError::Exhausted)
    }

    fn collect(&mut self) {
        while let Ok(port) = self.returned.try_recv() {
            self.free.push_back(port);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(pool: &mut PortPool) -> Option<u16> {
        pool.take(|_| Ok(())).ok().map(|(port, ())| port)
    }

    #[test]
    fn pairs_are_even_and_complete() {
        let (mut pool, _give_back) = PortPool::new(&(4001..=4006));
        assert_eq!(pool.size(), 2);
        assert_eq!(take(&mut pool), Some(4002));
        assert_eq!(take(&mut pool), Some(4004));
        assert_eq!(take(&mut pool), None);
        assert_eq!(pool.in_use(), 2);
        assert_eq!(PortPool::new(&(0..=1)).0.size(), 0);
        assert_eq!(PortPool::new(&(65_534..=65_535)).0.size(), 1);
    }

    #[test]
    fn the_pair_that_has_been_free_longest_comes_next() {
        let (mut pool, give_back) = PortPool::new(&(4000..=4005));
        assert_eq!(take(&mut pool), Some(4000));
        give_back.send(4000).unwrap();
        assert_eq!(take(&mut pool), Some(4002));
        give_back.send(4002).unwrap();
        let next: Vec<_> = (0..3).map(|_| take(&mut pool)).collect();
        assert_eq!(next, [Some(4004), Some(4000), Some(4002)]);
    }

    #[test]
    fn a_pair_that_others_use_is_passed_over() {
        let (mut pool, _give_back) = PortPool::new(&(4000..=4005));
        let taken = pool.take(|port| match port {
            4000 => Err(io::ErrorKind::AddrInUse.into()),
            _ => Ok(()),
        });
        assert!(matches!(taken, Ok((4002, ()))));
        let denied = pool.take(|_| Err::<(), _>(io::ErrorKind::PermissionDenied.into()));
        assert!(matches!(denied, Err(PortError::Bind(_))));
        assert_eq!(pool.in_use(), 1);
    }
}
