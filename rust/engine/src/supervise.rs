//! A panic is our bug; it costs at most what it concerns. Owns catching and naming panics, and the life of a worker's thread.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `work`; a panic in it becomes its message. What `work` changed half way must be thrown away by the caller.
pub fn catch<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| message(payload.as_ref()))
}

/// Drops `value`, whose destructor may belong to a state that has panicked.
pub fn discard<T>(value: T) {
    if let Err(message) = catch(move || drop(value)) {
        tracing::error!(%message, "panic while dropping a broken state");
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(catch(|| 5), Ok(5));
        assert_eq!(catch(|| panic!("static")).unwrap_err(), "static");
        assert_eq!(catch(|| panic!("number {}", 7)).unwrap_err(), "number 7");
        struct Broken;
        impl Drop for Broken {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }
        discard(Broken);
    }
}
