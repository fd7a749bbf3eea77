//! Handles: numbers in the shape of pointers, and the table that knows them.
//!
//! C passes handles that are closed, of another type, or no handles at all. A pointer to an object would have to be followed to
//! find that out, which is undefined once the object is gone. So a handle is a number that is never followed: a tag, which no
//! address begins with, the number of a slot, and its generation, which every closing raises. A slot whose generations are used
//! up is never used again, so that no closed handle ever names another object.
//!
//! The table is the process's, as that of its file descriptors is: there is nothing to set up or to end, and those who use the
//! library in one process do not notice each other. It is locked to look a handle up, to open and to close; never during a call.
//! A fork may meet a thread that has the lock, which nobody gives back in the new process: so that has a table of its own, whose
//! handles have generations of their own.

use crate::codes::Own;
use crate::fault::Fault;
use std::any::Any;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// The highest byte of every handle. No address of a process has it.
const TAG: usize = 0xB7;
const TAG_SHIFT: u32 = 56;
/// Handles are multiples of 16, as addresses would be.
const SLOT_SHIFT: u32 = 4;
const SLOT_BITS: u32 = 20;
const GENERATION_SHIFT: u32 = SLOT_SHIFT + SLOT_BITS;
const MOST_SLOTS: usize = 1 << SLOT_BITS;
/// Processes, each forked from the one before, that have a table.
const MOST_PROCESSES: usize = 64;
/// The low bits of a generation, which closing raises. Those above them are the number of the process.
const PROCESS_SHIFT: u32 = 26;
const LAST_OF_PROCESS: u32 = (1 << PROCESS_SHIFT) - 1;
/// Closed slots wait until there are so many, so that generations are used up slowly.
const RESTING_SLOTS: usize = 64;

/// The object of a handle.
type Object = Arc<dyn Any + Send + Sync>;

/// A type that C has handles of.
pub(crate) trait Handle {
    /// The object's own type.
    type Place: Any + Send + Sync;
    /// The name of the handle in C.
    const NAME: &'static str;
}

struct Slot {
    generation: u32,
    object: Option<Object>,
}

struct Table {
    slots: Vec<Slot>,
    free: VecDeque<usize>,
}

/// The table of one process.
struct ProcessTable {
    /// The process; 0 if it is nobody's yet.
    process: AtomicU32,
    table: RwLock<Table>,
}

static TABLES: [ProcessTable; MOST_PROCESSES] = [const { ProcessTable::new() }; MOST_PROCESSES];

impl ProcessTable {
    const fn new() -> Self {
        let table = Table { slots: Vec::new(), free: VecDeque::new() };
        Self { process: AtomicU32::new(0), table: RwLock::new(table) }
    }

    /// Returns the table of this process, and how many processes had one before. No lock is taken that a fork could meet.
    fn own() -> Result<(u32, &'static RwLock<Table>), Fault> {
        let process = std::process::id();
        let is_own = |table: &&Self| {
            let taken = table.process.compare_exchange(0, process, Ordering::AcqRel, Ordering::Acquire);
            taken.map_or_else(|owner| owner == process, |_| true)
        };
        let found = (0..).zip(&TABLES).find(|(_, table)| is_own(table));
        let why = "this process is forked from one that is forked, and so on too often";
        found.map(|(before, own)| (before, &own.table)).ok_or_else(|| Fault::wrong(Own::Forked, why.to_owned()))
    }
}

/// A handle, taken apart.
#[derive(Clone, Copy)]
struct Parts {
    slot: usize,
    generation: u32,
}

impl Parts {
    fn join<T>(self) -> *mut T {
        // The generation takes the 32 bits between slot and tag.
        let number = (TAG << TAG_SHIFT) | ((self.generation as usize) << GENERATION_SHIFT) | (self.slot << SLOT_SHIFT);
        std::ptr::without_provenance_mut(number)
    }

    fn split<T>(handle: *const T) -> Option<Self> {
        let number = handle.addr();
        let is_ours = number >> TAG_SHIFT == TAG && number & ((1 << SLOT_SHIFT) - 1) == 0;
        let generation = u32::try_from((number >> GENERATION_SHIFT) & 0xFFFF_FFFF).ok()?;
        is_ours.then_some(Self { slot: (number >> SLOT_SHIFT) & (MOST_SLOTS - 1), generation })
    }
}

impl Table {
    /// Returns the slot of a handle that is open. So many processes had a table before this one.
    fn find(&self, before: u32, parts: Option<Parts>, name: &str) -> Result<(usize, &Slot), Fault> {
        let foreign = || Fault::wrong(Own::ForeignHandle, format!("the {name} is no handle of this library"));
        let Parts { slot: number, generation } = parts.ok_or_else(foreign)?;
        if generation >> PROCESS_SHIFT < before {
            let why = format!("the {name} belongs to the process that this one was forked from: open another");
            return Err(Fault::wrong(Own::Forked, why));
        }
        let is_of_slot = |slot: &&Slot| generation <= slot.generation && generation & LAST_OF_PROCESS > 0;
        let slot = self.slots.get(number).filter(is_of_slot).ok_or_else(foreign)?;
        if slot.generation != generation || slot.object.is_none() {
            return Err(Fault::wrong(Own::ClosedHandle, format!("the {name} is closed already")));
        }
        Ok((number, slot))
    }

    fn open(&mut self, before: u32, object: Object) -> Option<Parts> {
        let rested = if self.free.len() > RESTING_SLOTS || self.slots.len() == MOST_SLOTS {
            self.free.pop_front()
        } else {
            None
        };
        let number = match rested {
            Some(number) => number,
            None if self.slots.len() < MOST_SLOTS => {
                self.slots.push(Slot { generation: before << PROCESS_SHIFT, object: None });
                self.slots.len() - 1
            }
            None => return None,
        };
        let slot = self.slots.get_mut(number)?;
        slot.generation += 1;
        slot.object = Some(object);
        Some(Parts { slot: number, generation: slot.generation })
    }

    fn close(&mut self, number: usize) -> Option<Object> {
        let slot = self.slots.get_mut(number)?;
        let object = slot.object.take();
        if slot.generation & LAST_OF_PROCESS < LAST_OF_PROCESS {
            self.free.push_back(number);
        }
        object
    }
}

/// Makes a handle of an object.
pub(crate) fn open<T: Handle>(place: T::Place) -> Result<*mut T, Fault> {
    let object = Arc::new(place);
    let (before, table) = ProcessTable::own()?;
    let parts = table.write().unwrap_or_else(PoisonError::into_inner).open(before, object);
    parts.map(Parts::join).ok_or_else(|| Fault::wrong(Own::TooManyHandles, "there are too many open handles"))
}

/// Returns the object of a handle.
pub(crate) fn get<T: Handle>(handle: *const T) -> Result<Arc<T::Place>, Fault> {
    if handle.is_null() {
        return Err(Fault::null(T::NAME));
    }
    let object = {
        let (before, table) = ProcessTable::own()?;
        let table = table.read().unwrap_or_else(PoisonError::into_inner);
        table.find(before, Parts::split(handle), T::NAME)?.1.object.clone()
    };
    let wrong = || Fault::wrong(Own::WrongHandle, format!("the handle is no {}", T::NAME));
    object.and_then(|object| object.downcast().ok()).ok_or_else(wrong)
}

/// Closes a handle, unless another thread has done so meanwhile.
pub(crate) fn close<T: Handle>(handle: *const T) -> Result<(), Fault> {
    let object = {
        let (before, table) = ProcessTable::own()?;
        let mut table = table.write().unwrap_or_else(PoisonError::into_inner);
        let number = table.find(before, Parts::split(handle), T::NAME)?.0;
        table.close(number)
    };
    // Not under the lock: connections are ended.
    drop(object);
    Ok(())
}

/// Returns the number of handles that this process has open.
pub(crate) fn count() -> usize {
    let Ok((_, table)) = ProcessTable::own() else { return 0 };
    let table = table.read().unwrap_or_else(PoisonError::into_inner);
    table.slots.iter().filter(|slot| slot.object.is_some()).count()
}
