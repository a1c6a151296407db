//! The order of SRV records (RFC 2782, "Usage rules").

use super::question::Srv;
use crate::id::IdSource;

/// Puts records in the order in which they are to be tried: by priority, and within one priority
/// by chance, each record's being its weight. Records without weight come first now and then, when
/// the draw is 0.
pub(super) fn ordered(mut records: Vec<Srv>, ids: &mut IdSource) -> Vec<Srv> {
    // Stable, and records without weight before the others, as the draw wants them.
    records.sort_by_key(|record| (record.priority, record.weight > 0));
    let mut order = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let priority = first.priority;
        let group = records
            .iter()
            .take_while(|record| record.priority == priority);
        let total: u64 = group.map(|record| u64::from(record.weight)).sum();
        let draw = ids.below(total + 1);
        let mut sum = 0;
        let reaches = |record: &Srv| {
            sum += u64::from(record.weight);
            sum >= draw
        };
        let chosen = records.iter().position(reaches).unwrap_or(0);
        order.push(records.remove(chosen));
    }
    order
}
