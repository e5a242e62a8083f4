//! A disk in memory that can be pulled out, torn and made to fail.

use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::{BackendError, StorageBackend};

use crate::dice::Dice;

/// Bytes that a disk writes at once or not at all.
const SECTOR_BYTES: usize = 512;

/// A disk with one file on it. A clone is the same disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What was written, as the operating system sees it.
    seen: Vec<u8>,
    /// What is certainly on the disk.
    safe: Vec<u8>,
    /// What was done since.
    unsafe_since: Vec<Change>,
    /// Writes, resizes and syncs that are let through before the fault strikes.
    left: Option<u64>,
    fault: Option<Fault>,
    /// Which opening may use the disk. Those before it are dead.
    life: u64,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize { len: usize },
}

/// What strikes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// The power is cut: nothing works any more.
    PowerCut,
    /// Nothing can be written until the fault is lifted.
    Full,
    /// One operation fails, and those after it work.
    Once,
}

/// What a power cut leaves of what was not synced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    /// Nothing.
    All,
    /// All of it.
    None,
    /// The first of the writes.
    Later,
    /// Some of the writes.
    Some,
    /// Some sectors of some of the writes.
    Torn,
}

impl Loss {
    pub(crate) const EACH: [Self; 5] = [Self::All, Self::None, Self::Later, Self::Some, Self::Torn];
}

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The disk for a new opening. Those before it can do nothing any more.
    pub(crate) fn open(&self) -> Opening {
        let mut state = self.state();
        state.life += 1;
        Opening {
            disk: self.clone(),
            life: state.life,
        }
    }

    /// Lets `left` writes, resizes and syncs through, and then strikes.
    pub(crate) fn strike_after(&self, left: u64, fault: Fault) {
        let mut state = self.state();
        state.left = Some(left);
        state.fault = Some(fault);
    }

    /// Strikes with the next operation.
    pub(crate) fn strike_now(&self, fault: Fault) {
        self.strike_after(0, fault);
    }

    /// Everything works again.
    pub(crate) fn lift(&self) {
        let mut state = self.state();
        state.left = None;
        state.fault = None;
    }

    /// Cuts the power and puts it back: what is on the disk now depends on `loss` and the dice.
    pub(crate) fn lose(&self, loss: Loss, dice: &mut Dice) {
        let mut state = self.state();
        state.life += 1;
        let changes = std::mem::take(&mut state.unsafe_since);
        let kept = match loss {
            Loss::All => 0,
            Loss::None | Loss::Some | Loss::Torn => changes.len(),
            Loss::Later => dice.below(changes.len() + 1),
        };
        for change in changes.into_iter().take(kept) {
            match loss {
                Loss::All | Loss::None | Loss::Later => change.apply(&mut state.safe),
                Loss::Some if dice.below(2) == 0 => change.apply(&mut state.safe),
                Loss::Some => {}
                Loss::Torn => change.apply_torn(&mut state.safe, dice),
            }
        }
        state.seen = state.safe.clone();
        state.left = None;
        state.fault = None;
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => {
                // A write behind the end, whose resize was lost, is lost with it.
                let len = file.len().saturating_sub(*at).min(bytes.len());
                if len > 0 {
                    file[*at..*at + len].copy_from_slice(&bytes[..len]);
                }
            }
            Self::Resize { len } => file.resize(*len, 0),
        }
    }

    fn apply_torn(&self, file: &mut Vec<u8>, dice: &mut Dice) {
        let Self::Write { at, bytes } = self else {
            return self.apply(file);
        };
        let mut at = *at;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let len = (SECTOR_BYTES - at % SECTOR_BYTES).min(rest.len());
            if dice.below(2) == 0 {
                Self::Write {
                    at,
                    bytes: rest[..len].to_vec(),
                }
                .apply(file);
            }
            at += len;
            rest = &rest[len..];
        }
    }
}

/// The disk as one opening of the file sees it.
#[derive(Debug)]
pub(crate) struct Opening {
    disk: Disk,
    life: u64,
}

impl Opening {
    fn living(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.life == self.life {
            Ok(state)
        } else {
            Err(io::Error::other("the power is off"))
        }
    }

    /// Counts an operation that changes something.
    fn changing(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.living()?;
        let Some(fault) = state.fault else {
            return Ok(state);
        };
        match &mut state.left {
            Some(0) => {}
            Some(left) => {
                *left -= 1;
                return Ok(state);
            }
            // It has struck once.
            None => return Ok(state),
        }
        match fault {
            Fault::PowerCut => Err(io::Error::other("the power is off")),
            Fault::Full => Err(io::ErrorKind::StorageFull.into()),
            Fault::Once => {
                state.left = None;
                Err(io::Error::other("the disk failed once"))
            }
        }
    }
}

impl StorageBackend for Opening {
    fn len(&self) -> io::Result<u64> {
        Ok(self.living()?.seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.living()?;
        let at = offset as usize;
        let bytes = state
            .seen
            .get(at..at + out.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.changing()?;
        let change = Change::Resize { len: len as usize };
        change.apply(&mut state.seen);
        state.unsafe_since.push(change);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.changing()?;
        let changes = std::mem::take(&mut state.unsafe_since);
        changes
            .iter()
            .for_each(|change| change.apply(&mut state.safe));
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.changing()?;
        let change = Change::Write {
            at: offset as usize,
            bytes: data.to_vec(),
        };
        change.apply(&mut state.seen);
        state.unsafe_since.push(change);
        Ok(())
    }

    // Only one opening is alive at a time, so every lock is free.

    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn try_lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn query_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(false)
    }
}
