//! Device memory: allocations on the host, at addresses that no host pointer has.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::fmt;

/// The first device address. Host programs have no addresses beyond 2^47.
const FIRST: u64 = 1 << 48;
/// Each allocation begins at a multiple of this, so that the space behind it belongs to nobody.
const STRIDE_BITS: u32 = 32;

/// All allocations, past ones included: an address is never given out twice.
pub(crate) struct Memory {
    slots: Vec<Slot>,
    pub(crate) live_bytes: u64,
}

enum Slot {
    Live(Block),
    Freed {
        len: usize,
    },
    /// Space of an allocation that begins in an earlier slot.
    Behind,
}

/// One allocation: its bytes, and for each whether it was ever written.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    data: *mut u8,
    known: *mut u8,
    len: usize,
}

// SAFETY: the bytes are reached through raw pointers alone, by kernels and copies that order their accesses as on a device.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

/// Where an access lands on the host.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) data: *mut u8,
    pub(crate) known: *mut u8,
}

/// What an access is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    Read,
    Write,
    Atomic,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Access::Read => "reads",
            Access::Write => "writes",
            Access::Atomic => "updates",
        })
    }
}

/// Why an access is refused.
pub(crate) struct Refused {
    pub(crate) address: u64,
    pub(crate) size: usize,
    pub(crate) cause: String,
}

impl Place {
    /// Whether each of the next `size` bytes was written before.
    ///
    /// # Safety
    /// The place was resolved for at least `size` bytes.
    pub(crate) unsafe fn is_known(self, size: usize) -> bool {
        // SAFETY: by the caller
        unsafe { std::slice::from_raw_parts(self.known, size) }.iter().all(|&k| k != 0)
    }

    /// Notes that the next `size` bytes are written.
    ///
    /// # Safety
    /// The place was resolved for at least `size` bytes.
    pub(crate) unsafe fn set_known(self, size: usize) {
        // SAFETY: by the caller
        unsafe { std::ptr::write_bytes(self.known, 1, size) }
    }
}

/// The slot of an address, if it is a device's.
fn slot_of(address: u64) -> Option<usize> {
    usize::try_from(address.checked_sub(FIRST)? >> STRIDE_BITS).ok()
}

fn layout(len: usize) -> Option<Layout> {
    Layout::from_size_align(len, 256).ok()
}

impl Memory {
    pub(crate) const fn new() -> Memory {
        Memory { slots: Vec::new(), live_bytes: 0 }
    }

    /// The address of a new allocation, 0 for no bytes, or `None` where the host has no such memory.
    pub(crate) fn allocate(&mut self, len: usize) -> Option<u64> {
        if len == 0 {
            return Some(0);
        }
        let layout = layout(len)?;
        // SAFETY: the layout is not empty
        let data = unsafe { alloc_zeroed(layout) };
        if data.is_null() {
            return None;
        }
        // SAFETY: as above
        let known = unsafe { alloc_zeroed(layout) };
        if known.is_null() {
            // SAFETY: allocated above with this layout
            unsafe { dealloc(data, layout) };
            return None;
        }
        let slot = self.slots.len();
        self.slots.push(Slot::Live(Block { data, known, len }));
        // at least one slot's distance to the next allocation
        (0..len >> STRIDE_BITS).for_each(|_| self.slots.push(Slot::Behind));
        self.live_bytes += len as u64;
        Some(FIRST + ((slot as u64) << STRIDE_BITS))
    }

    /// Frees the allocation that begins at `address`; 0 is none.
    pub(crate) fn free(&mut self, address: u64) -> Result<(), Refused> {
        if address == 0 {
            return Ok(());
        }
        let refused = |cause: &str| Refused { address, size: 0, cause: cause.to_string() };
        let Some(slot) = slot_of(address).and_then(|slot| self.slots.get_mut(slot)) else {
            return Err(refused("nothing was allocated there"));
        };
        match slot {
            Slot::Live(block) if address.trailing_zeros() >= STRIDE_BITS => {
                let block = *block;
                *slot = Slot::Freed { len: block.len };
                self.live_bytes -= block.len as u64;
                if let Some(layout) = layout(block.len) {
                    // SAFETY: both were allocated with this layout, and the slot forgets them
                    unsafe {
                        dealloc(block.data, layout);
                        dealloc(block.known, layout);
                    }
                }
                Ok(())
            }
            Slot::Freed { .. } => Err(refused("it was freed before")),
            _ => Err(refused("no allocation begins there")),
        }
    }

    /// The allocation that holds `address`, and its first address.
    pub(crate) fn block(&self, address: u64) -> Option<(Block, u64)> {
        let mut slot = slot_of(address)?;
        while let Slot::Behind = self.slots.get(slot)? {
            slot = slot.checked_sub(1)?;
        }
        match self.slots.get(slot)? {
            Slot::Live(block) => Some((*block, FIRST + ((slot as u64) << STRIDE_BITS))),
            _ => None,
        }
    }

    /// Where `size` bytes at `address` lie.
    pub(crate) fn resolve(&self, address: u64, size: usize) -> Result<Place, Refused> {
        if let Some((block, start)) = self.block(address)
            && let Some(place) = block.at((address - start) as usize, size)
        {
            return Ok(place);
        }
        Err(self.refused(address, size))
    }

    /// Says why `size` bytes at `address` cannot be reached.
    pub(crate) fn refused(&self, address: u64, size: usize) -> Refused {
        let refused = |cause: String| Refused { address, size, cause };
        if address < 4096 {
            return refused("it is a null pointer".into());
        }
        let Some(mut slot) = slot_of(address) else {
            return refused("it is no device memory: a host pointer".into());
        };
        while let Some(Slot::Behind) = self.slots.get(slot) {
            slot -= 1;
        }
        let start = FIRST + ((slot as u64) << STRIDE_BITS);
        match self.slots.get(slot) {
            Some(Slot::Freed { len }) => refused(format!("allocation number {slot}, of {len} bytes, was freed before")),
            Some(Slot::Live(block)) => refused(format!(
                "allocation number {slot} has {} bytes, and this is byte {}",
                block.len,
                address - start
            )),
            _ => refused("nothing was allocated there".into()),
        }
    }
}

impl Block {
    /// Where `size` bytes from byte `offset` on lie, if all are inside.
    #[inline]
    pub(crate) fn at(&self, offset: usize, size: usize) -> Option<Place> {
        if offset.checked_add(size)? > self.len {
            return None;
        }
        // SAFETY: inside the allocation, by the comparison
        unsafe { Some(Place { data: self.data.add(offset), known: self.known.add(offset) }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_never_given_out_twice() {
        let mut memory = Memory::new();
        let a = memory.allocate(16).expect("16 bytes");
        let b = memory.allocate(16).expect("16 bytes");
        assert!(memory.resolve(a, 16).is_ok() && memory.resolve(a + 12, 4).is_ok());
        let cause = |r: Result<Place, Refused>| r.map_err(|r| r.cause).err().unwrap_or_default();
        assert!(cause(memory.resolve(a + 13, 4)).contains("has 16 bytes, and this is byte 13"));
        assert!(cause(memory.resolve(b - 1, 1)).contains("byte 4294967295"));
        assert!(cause(memory.resolve(8, 4)).contains("null"));
        let host = &raw const memory as u64;
        assert!(cause(memory.resolve(host, 4)).contains("host pointer"));
        assert!(memory.free(b + 4).is_err() && memory.free(a).is_ok() && memory.free(a).is_err());
        assert!(cause(memory.resolve(a, 1)).contains("freed"));
        assert_ne!(memory.allocate(16), Some(a));
        assert_eq!(memory.live_bytes, 32);
        assert_eq!((memory.allocate(0), memory.free(0).is_ok()), (Some(0), true));
        // SAFETY: resolved for as many bytes
        unsafe {
            let place = memory.resolve(b, 16).unwrap_or_else(|_| unreachable!("it is there"));
            assert!(!place.is_known(1));
            place.set_known(4);
            assert!(place.is_known(4) && !place.is_known(5));
        }
    }
}
