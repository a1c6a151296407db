//! A thread of many legs: its socket, its wheel, its orders.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, TryRecvError};

use super::leg::{Leg, ROOM};
use super::line::{Line, Says};
use super::{LegNumber, Order, RtpFigures};
use crate::clock::{self, MS, Nanos};
use crate::socket::Socket;

const SLOTS: usize = 80;
const SLOT: Nanos = MS / 4;
/// Slots a thread makes up for when it did not get to run in time.
const MAX_BEHIND: Nanos = 100 * MS;

pub(super) struct Worker {
    socket: Socket,
    /// Kept open so that reports do not come back as errors; nobody reads it.
    _rtcp: UdpSocket,
    orders: Receiver<Order>,
    legs: HashMap<LegNumber, Leg>,
    by_port: HashMap<u16, LegNumber>,
    wheel: Vec<Vec<LegNumber>>,
    figures: RtpFigures,
}

impl Worker {
    pub(super) fn new(socket: Socket, rtcp: UdpSocket, orders: Receiver<Order>) -> Self {
        Self {
            socket,
            _rtcp: rtcp,
            orders,
            legs: HashMap::new(),
            by_port: HashMap::new(),
            wheel: vec![Vec::new(); SLOTS],
            figures: RtpFigures::default(),
        }
    }

    pub(super) fn run(&mut self) {
        let mut due = clock::now();
        let mut slot = 0;
        while self.obey() {
            let now = clock::now();
            if now < due {
                clock::pause(due - now);
                continue;
            }
            due = due.max(now.saturating_sub(MAX_BEHIND)) + SLOT;
            self.talk(slot);
            slot = (slot + 1) % SLOTS;
            self.listen();
        }
    }

    /// False when it is time to end.
    fn obey(&mut self) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Add(leg, line)) => self.add(leg, *line),
                Ok(Order::Remove(leg)) => self.remove(leg),
                Ok(Order::Hush) => self.hush(),
                Ok(Order::Begin) => self.begin(),
                Ok(Order::Report(reply)) => {
                    reply.send(self.report()).ok();
                }
                Ok(Order::End) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn add(&mut self, number: LegNumber, line: Line) {
        self.remove(number);
        self.by_port.insert(line.to.port(), number);
        let slot = match line.says {
            Says::Marks | Says::Clip(_) | Says::Word(..) => self.place(number),
            Says::Nothing => None,
        };
        self.legs.insert(number, Leg::new(number, line, slot));
    }

    /// A place in the emptiest slot.
    fn place(&mut self, number: LegNumber) -> Option<usize> {
        let slots = self.wheel.iter_mut().enumerate();
        let (slot, legs) = slots.min_by_key(|(_, legs)| legs.len())?;
        legs.push(number);
        Some(slot)
    }

    fn remove(&mut self, number: LegNumber) {
        let Some(leg) = self.legs.remove(&number) else {
            return;
        };
        if let Some(slot) = leg.slot.and_then(|slot| self.wheel.get_mut(slot)) {
            slot.retain(|other| *other != number);
        }
        // The server may have given the port to another leg already.
        let port = leg.line.to.port();
        if self.by_port.get(&port) == Some(&number) {
            self.by_port.remove(&port);
        }
        self.figures.lost += u64::from(leg.lost());
    }

    fn hush(&mut self) {
        self.wheel.iter_mut().for_each(Vec::clear);
        for leg in self.legs.values_mut() {
            leg.line.says = Says::Nothing;
            leg.slot = None;
        }
    }

    fn begin(&mut self) {
        self.figures = self.ever();
        self.legs.values_mut().for_each(Leg::begin);
    }

    fn report(&mut self) -> RtpFigures {
        let ever = self.ever();
        let mut figures = std::mem::replace(&mut self.figures, ever);
        for leg in self.legs.values() {
            figures.legs += 1;
            figures.silent += u64::from(leg.heard_nothing());
            figures.lost += u64::from(leg.lost());
        }
        figures
    }

    /// What is never forgotten.
    fn ever(&self) -> RtpFigures {
        RtpFigures {
            sent_ever: self.figures.sent_ever,
            heard_ever: self.figures.heard_ever,
            ..RtpFigures::default()
        }
    }

    fn talk(&mut self, slot: usize) {
        for number in self.wheel.get(slot).into_iter().flatten() {
            if let Some(leg) = self.legs.get_mut(number) {
                leg.talk(&self.socket, &mut self.figures);
            }
        }
    }

    fn listen(&mut self) {
        let mut buffer = [0; ROOM];
        while let Some(arrived) = self.socket.receive(&mut buffer) {
            // Whether or not somebody is there yet, or still.
            self.figures.heard_ever += 1;
            let number = self.by_port.get(&arrived.port);
            let leg = number.and_then(|number| self.legs.get_mut(number));
            let packet = buffer.get_mut(..arrived.length);
            if let (Some(leg), Some(packet)) = (leg, packet) {
                leg.listen(packet, arrived, &mut self.figures);
            }
        }
    }
}
