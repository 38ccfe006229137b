//! Framing of datagrams on a TCP connection (RFC 4571 section 2). Owns the length prefix; refuses to know what a frame carries.

/// Longest frame accepted, in bytes; a peer that sends more has lost the framing.
pub const MAX_FRAME: usize = 2048;
/// Bytes that are held at most before the caller takes frames out.
const MAX_BUFFERED: usize = 64 * 1024;

/// The stream does not follow the framing, or nobody takes frames out: close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tcp framing lost")]
pub struct FramingLost;

/// The prefix of a frame of `len` bytes. `None` when no frame may be that long.
pub fn frame_prefix(len: usize) -> Option<[u8; 2]> {
    (len <= MAX_FRAME).then(|| (len as u16).to_be_bytes())
}

/// Cuts a byte stream into frames.
#[derive(Debug, Default)]
pub struct Deframer {
    buffer: Vec<u8>,
    taken: usize,
}

impl Deframer {
    /// # Errors
    /// [`FramingLost`] when more is held than frames could need.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), FramingLost> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        if self.buffer.len().saturating_add(bytes.len()) > MAX_BUFFERED {
            return Err(FramingLost);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole frame, in place.
    ///
    /// # Errors
    /// [`FramingLost`] when the next prefix exceeds [`MAX_FRAME`].
    pub fn next_frame(&mut self) -> Result<Option<&mut [u8]>, FramingLost> {
        let Some(prefix) = self.buffer.get(self.taken..self.taken + 2) else {
            return Ok(None);
        };
        let len = usize::from(u16::from_be_bytes([prefix[0], prefix[1]]));
        if len > MAX_FRAME {
            return Err(FramingLost);
        }
        let start = self.taken + 2;
        if self.buffer.len() < start + len {
            return Ok(None);
        }
        self.taken = start + len;
        Ok(self.buffer.get_mut(start..start + len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_frames_at_any_split() {
        let stream = [&[0, 3, 1, 2, 3][..], &[0, 0], &[0, 1, 9]].concat();
        for split in 0..=stream.len() {
            let mut deframer = Deframer::default();
            let mut frames = Vec::new();
            for part in [&stream[..split], &stream[split..]] {
                deframer.push(part).unwrap();
                while let Some(frame) = deframer.next_frame().unwrap() {
                    frames.push(frame.to_vec());
                }
            }
            assert_eq!(frames, [vec![1, 2, 3], vec![], vec![9]], "{split}");
        }
    }

    #[test]
    fn gives_up_on_impossible_lengths() {
        let mut deframer = Deframer::default();
        deframer.push(&[0xff, 0xff, 0]).unwrap();
        assert_eq!(deframer.next_frame(), Err(FramingLost));
        assert_eq!(frame_prefix(MAX_FRAME + 1), None);
        assert_eq!(deframer.push(&[0; MAX_BUFFERED]), Err(FramingLost));
    }
}
