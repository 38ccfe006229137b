//! Asks the core for memory before it is needed, so that waiting for one object overlaps with waiting for the next.

/// Bytes that the caches move at a time on the processors that we know.
const LINE: usize = 64;

/// Asks for all of `value`; returns at once and changes nothing.
#[inline]
pub fn prefetch<T: ?Sized>(value: &T) {
    let start = std::ptr::from_ref(value).cast::<u8>();
    // Whole lines: the first may begin before the value.
    let lead = start as usize % LINE;
    for at in (0..lead + size_of_val(value)).step_by(LINE) {
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
