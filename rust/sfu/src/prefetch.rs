//! Asks the core for memory before it is needed, so that waiting for one object overlaps with waiting for the next.

/// Bytes that the caches move at a time on the processors that we know.
const LINE: usize = 64;

/// Asks for all of `value`; returns at once and changes nothing.
#[inline]
pub fn prefetch<T: ?Sized>(value: &T) {
    prefetch_bytes(std::ptr::from_ref(value).cast(), size_of_val(value));
}

/// Asks for all from `first` to `last`, which are of one object and stand in this order.
#[inline]
pub fn prefetch_span<A, B>(first: &A, last: &B) {
    let (start, end) = (
        std::ptr::from_ref(first),
        std::ptr::from_ref(last).wrapping_add(1),
    );
    let len = (end as usize).wrapping_sub(start as usize);
    debug_assert!(len < 4096, "not in this order");
    prefetch_bytes(start.cast(), len);
}

#[inline]
fn prefetch_bytes(start: *const u8, len: usize) {
    // Whole lines: the first may begin before the value.
    let lead = start as usize % LINE;
    for at in (0..lead + len).step_by(LINE) {
        prefetch_line(start.wrapping_sub(lead).wrapping_add(at));
    }
}

#[inline]
fn prefetch_line(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and never faults, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}
