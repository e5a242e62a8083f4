//! Calls by second, in a window that slides.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::part::{Calls, Count, TallyPart};
use crate::counter::Room;
use crate::limits::{CHUNK_ENTRIES, LOG_ENTRIES_MAX};
use crate::time::Timestamp;

/// So many calls at one second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Entry {
    at_s: i64,
    calls: u64,
}

/// Calls by second. One at second `t` counts in `t <= now < t + window`.
///
/// INVARIANT (never less): a call stands in an entry at its own second or later, so it counts at least as
/// long as it should.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Log {
    window_s: u32,
    /// Calls whose seconds lie in the same slot of so many seconds share an entry: 1 is exact.
    slot_s: i64,
    /// The latest second that anything was counted at.
    latest_s: i64,
    /// Calls in all chunks, those included that have passed but stand in one with others: more bits than a
    /// limit has.
    calls: u128,
    entries: usize,
    /// INVARIANT (chunks in order): each holds the entries from its key to the next one's, by second, each
    /// second once, and none is empty.
    chunks: BTreeMap<i64, Arc<Vec<Entry>>>,
}

impl Log {
    pub(super) fn new(window_s: u32) -> Self {
        Self {
            window_s,
            slot_s: 1,
            latest_s: 0,
            calls: 0,
            entries: 0,
            chunks: BTreeMap::new(),
        }
    }

    pub(super) fn window_s(&self) -> u32 {
        self.window_s
    }

    pub(super) fn latest_s(&self) -> i64 {
        self.latest_s
    }

    /// The first second at which what was counted at `at_s` does not count any more.
    fn passes_s(&self, at_s: i64) -> i64 {
        at_s.saturating_add(i64::from(self.window_s))
    }

    fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.chunks.values().flat_map(|chunk| chunk.iter().copied())
    }

    /// The entries that have passed, the oldest first.
    fn passed(&self, now_s: i64) -> impl Iterator<Item = Entry> + '_ {
        let now_s = now_s.max(self.latest_s);
        self.entries()
            .take_while(move |entry| self.passes_s(entry.at_s) <= now_s)
    }

    fn counted(&self, now_s: i64) -> u128 {
        let passed = self.passed(now_s).map(|entry| u128::from(entry.calls));
        passed.fold(self.calls, u128::saturating_sub)
    }

    pub(super) fn used(&self, now_s: i64) -> u64 {
        u64::try_from(self.counted(now_s)).unwrap_or(u64::MAX)
    }

    /// `amount` is at most `limit`.
    pub(super) fn room(&self, limit: u64, amount: u64, now_s: i64) -> Room {
        let mut used = self.counted(now_s);
        let most = u128::from(limit.saturating_sub(amount));
        if used <= most {
            return Room::Enough;
        }
        let passed = self.passed(now_s).count();
        for entry in self.entries().skip(passed) {
            used = used.saturating_sub(u128::from(entry.calls));
            if used <= most {
                return Room::From(Timestamp::from_s(self.passes_s(entry.at_s)));
            }
        }
        Room::Never
    }

    pub(super) fn frees_at(&self, now_s: i64) -> Option<Timestamp> {
        let passed = self.passed(now_s).count();
        let next = self.entries().nth(passed)?;
        Some(Timestamp::from_s(self.passes_s(next.at_s)))
    }

    pub(super) fn ends_at(&self) -> Timestamp {
        if self.chunks.is_empty() {
            return Timestamp::from_s(0);
        }
        Timestamp::from_s(self.passes_s(self.latest_s))
    }

    pub(super) fn count(&mut self, calls: u64, at_s: i64) {
        if calls == 0 || self.passes_s(at_s) <= self.latest_s {
            return;
        }
        self.latest_s = self.latest_s.max(at_s);
        self.drop_passed();
        self.insert(calls, at_s);
        self.coarsen();
    }

    /// Lets go of chunks of which nothing counts any more. Those of which some does stay as they are: a
    /// charge shall not rewrite them.
    fn drop_passed(&mut self) {
        while let Some(oldest) = self.chunks.first_entry() {
            let last = oldest.get().last().map_or(0, |entry| entry.at_s);
            if last.saturating_add(i64::from(self.window_s)) > self.latest_s {
                break;
            }
            let gone = oldest.remove();
            self.entries = self.entries.saturating_sub(gone.len());
            let calls = gone.iter().map(|entry| u128::from(entry.calls));
            self.calls = calls.fold(self.calls, u128::saturating_sub);
        }
        while self.slot_s > 1 && self.entries <= LOG_ENTRIES_MAX / 8 {
            self.slot_s /= 2;
        }
    }

    fn insert(&mut self, calls: u64, at_s: i64) {
        self.calls = self.calls.saturating_add(u128::from(calls));
        let slot_s = self.slot_s;
        let in_slot = |entry: &Entry| entry.at_s.div_euclid(slot_s) == at_s.div_euclid(slot_s);
        let Some((_, chunk)) = self.chunks.range_mut(..=at_s).next_back() else {
            self.entries += 1;
            let first = Entry { at_s, calls };
            self.chunks.insert(at_s, Arc::new(vec![first]));
            return;
        };
        let place = chunk.partition_point(|entry| entry.at_s < at_s);
        let full = chunk.len() >= CHUNK_ENTRIES;
        let at_end = place == chunk.len();
        if let Some(entry) = chunk.get(place).filter(|entry| in_slot(entry)).copied() {
            // At its own second, or at a later one in the slot.
            let calls = entry.calls.saturating_add(calls);
            replace(chunk, place, Entry { calls, ..entry });
            return;
        }
        let before = place.checked_sub(1);
        if let Some((place, entry)) = before.and_then(|place| Some((place, *chunk.get(place)?)))
            && in_slot(&entry)
        {
            // The earlier calls move to the later second.
            let calls = entry.calls.saturating_add(calls);
            replace(chunk, place, Entry { at_s, calls });
            return;
        }
        self.entries += 1;
        let entry = Entry { at_s, calls };
        if full && at_end {
            self.chunks.insert(at_s, Arc::new(vec![entry]));
            return;
        }
        let chunk = Arc::make_mut(chunk);
        chunk.insert(place, entry);
        if chunk.len() > 2 * CHUNK_ENTRIES {
            let later = chunk.split_off(CHUNK_ENTRIES);
            if let Some(first) = later.first() {
                self.chunks.insert(first.at_s, Arc::new(later));
            }
        }
    }

    /// Makes slots wider until the entries are few enough.
    fn coarsen(&mut self) {
        // Passed entries that share a chunk with others are no reason.
        if self.entries <= LOG_ENTRIES_MAX + 2 * CHUNK_ENTRIES {
            return;
        }
        let mut entries: Vec<Entry> = self.entries().collect();
        while entries.len() > LOG_ENTRIES_MAX {
            self.slot_s = self.slot_s.saturating_mul(2);
            let slot_s = self.slot_s;
            entries.dedup_by(|later, kept| {
                let same = later.at_s.div_euclid(slot_s) == kept.at_s.div_euclid(slot_s);
                if same {
                    kept.at_s = later.at_s;
                    kept.calls = kept.calls.saturating_add(later.calls);
                }
                same
            });
        }
        self.entries = entries.len();
        let chunks = entries.chunks(CHUNK_ENTRIES);
        let keyed =
            chunks.filter_map(|chunk| Some((chunk.first()?.at_s, Arc::new(chunk.to_vec()))));
        self.chunks = keyed.collect();
    }

    pub(super) fn give_back(&mut self, calls: u64, at_s: i64) {
        // What has passed may be gone already, and what stands there now is another's.
        if self.passes_s(at_s) <= self.latest_s {
            return;
        }
        let mut left = calls;
        while left > 0 {
            let Some((key, place, entry)) = self.first_from(at_s) else {
                return;
            };
            let taken = left.min(entry.calls);
            left -= taken;
            self.calls = self.calls.saturating_sub(u128::from(taken));
            let kept = entry.calls - taken;
            let Some(chunk) = self.chunks.get_mut(&key) else {
                return;
            };
            if kept > 0 {
                replace(
                    chunk,
                    place,
                    Entry {
                        calls: kept,
                        ..entry
                    },
                );
                continue;
            }
            self.entries = self.entries.saturating_sub(1);
            let chunk = Arc::make_mut(chunk);
            chunk.remove(place);
            if chunk.is_empty() {
                self.chunks.remove(&key);
            }
        }
    }

    /// The first entry at this second or later: its chunk, its place there, and itself.
    fn first_from(&self, at_s: i64) -> Option<(i64, usize, Entry)> {
        let within = self.chunks.range(..=at_s).next_back();
        let after = self.chunks.range(at_s.saturating_add(1)..).next();
        within.into_iter().chain(after).find_map(|(key, chunk)| {
            let place = chunk.partition_point(|entry| entry.at_s < at_s);
            Some((*key, place, *chunk.get(place)?))
        })
    }

    pub(super) fn changes_since(&self, before: Option<&Self>) -> Vec<(u64, Option<TallyPart>)> {
        let known = |key: &i64| before.and_then(|before| before.chunks.get(key));
        let mut changes = Vec::new();
        if let Some(before) = before {
            let gone = before.chunks.keys();
            let gone = gone.filter(|key| !self.chunks.contains_key(key));
            changes.extend(gone.map(|key| (key.unsigned_abs(), None)));
        }
        for (key, chunk) in &self.chunks {
            let same = known(key).is_some_and(|known| Arc::ptr_eq(known, chunk) || known == chunk);
            if !same {
                changes.push((key.unsigned_abs(), Some(stored(*key, chunk))));
            }
        }
        changes
    }

    pub(super) fn part_numbers(&self) -> Vec<u64> {
        self.chunks.keys().map(|key| key.unsigned_abs()).collect()
    }

    /// INVARIANT (chunks in order): holds for what is restored too, or it is refused.
    pub(super) fn restore(&mut self, number: u64, stored: &Calls) -> Option<()> {
        let from_s = stored.from.as_s();
        let mut entries: Vec<Entry> = Vec::with_capacity(stored.calls.len());
        for (after_s, Count(calls)) in &stored.calls {
            let at_s = from_s.checked_add(i64::try_from(*after_s).ok()?)?;
            let calls = u64::try_from(*calls).ok().filter(|calls| *calls > 0)?;
            if entries.last().is_some_and(|last| at_s <= last.at_s) {
                return None;
            }
            self.calls = self.calls.saturating_add(u128::from(calls));
            entries.push(Entry { at_s, calls });
        }
        let last_s = entries.last()?.at_s;
        let after = self.chunks.last_key_value();
        let earlier_s = after.and_then(|(_, chunk)| Some(chunk.last()?.at_s));
        if number != from_s.unsigned_abs() || earlier_s.is_some_and(|earlier_s| from_s <= earlier_s)
        {
            return None;
        }
        self.entries += entries.len();
        self.latest_s = self.latest_s.max(last_s);
        self.chunks.insert(from_s, Arc::new(entries));
        Some(())
    }
}

fn replace(chunk: &mut Arc<Vec<Entry>>, place: usize, entry: Entry) {
    if let Some(slot) = Arc::make_mut(chunk).get_mut(place) {
        *slot = entry;
    }
}

fn stored(key: i64, chunk: &[Entry]) -> TallyPart {
    let calls = chunk.iter().map(|entry| {
        let after_s = entry.at_s.saturating_sub(key).unsigned_abs();
        (after_s, Count(u128::from(entry.calls)))
    });
    TallyPart::Calls(Calls {
        from: Timestamp::from_s(key),
        calls: calls.collect(),
    })
}
