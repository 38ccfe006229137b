//! VP8 descriptors of one consumer (RFC 7741). Owns picture id, TL0PICIDX and KEYIDX continuity; refuses to choose layers.

use super::SequenceMap;
use crate::codec::vp8::{PictureId, Vp8Descriptor};
use crate::rtp::Unwrapper;

/// Longest descriptor.
const MAX_LEN: usize = 6;

/// Makes the descriptors of switched sources one stream and closes the gaps of pictures that are left out.
///
/// Packets of one picture share one decision: what comes late is treated like the rest of its picture.
#[derive(Clone, Debug, Default)]
pub struct Vp8Rewriter {
    input: Option<Input>,
    /// Output ids continue here; none before the first picture.
    pictures: Option<SequenceMap>,
    tl0: Counter<0xFF>,
    key: Counter<0x1F>,
    /// All but the first packets of a picture have the same descriptor, and each its own would be the same work again.
    last: Option<(Vp8Descriptor, Vp8Prefix)>,
}

#[derive(Clone, Debug)]
struct Input {
    long: bool,
    ids: Unwrapper,
}

/// Descriptor as the consumer gets it, in place of the packet's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp8Prefix {
    bytes: [u8; MAX_LEN],
    len: u8,
    /// Payload bytes that it replaces.
    pub replaces: usize,
}

impl Vp8Prefix {
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl Vp8Rewriter {
    /// The next packet is the first of another source.
    pub fn switch(&mut self) {
        self.last = None;
        self.input = None;
        self.tl0.offset = None;
        self.key.offset = None;
    }

    /// Descriptor for the consumer; none when the packet's picture was left out, precedes the switch or is too old. Picture
    /// ids go out with 15 bits; a descriptor without one (forwarded although nothing is known) keeps its form.
    #[inline]
    pub fn rewrite(&mut self, descriptor: &Vp8Descriptor) -> Option<Vp8Prefix> {
        if let Some((last, prefix)) = &self.last
            && last == descriptor
        {
            return Some(*prefix);
        }
        let prefix = self.rewrite_anew(descriptor)?;
        self.last = Some((*descriptor, prefix));
        Some(prefix)
    }

    fn rewrite_anew(&mut self, descriptor: &Vp8Descriptor) -> Option<Vp8Prefix> {
        let mut out = *descriptor;
        if let Some(id) = descriptor.picture_id {
            let number = self.number(id);
            let value = self.pictures.as_mut()?.accept(number)?;
            out.picture_id = Some(PictureId {
                value: (value & 0x7FFF) as u16,
                long: true,
            });
        }
        out.tl0_picture_index = descriptor
            .tl0_picture_index
            .map(|index| self.tl0.map(index));
        out.key_index = descriptor.key_index.map(|index| self.key.map(index));
        Some(write(&out))
    }

    /// The packet's picture will not be sent. Once is enough per picture, more does no harm.
    pub fn drop(&mut self, descriptor: &Vp8Descriptor) {
        self.last = None;
        if let Some(id) = descriptor.picture_id {
            let number = self.number(id);
            if let Some(pictures) = &mut self.pictures {
                pictures.drop(number);
            }
        }
    }

    /// Extended input number; begins a source when there is none or its ids changed their width.
    fn number(&mut self, id: PictureId) -> u64 {
        if self
            .input
            .as_ref()
            .is_none_or(|input| input.long != id.long)
        {
            let mut ids = Unwrapper::new(if id.long { 15 } else { 7 });
            let number = ids.unwrap(u32::from(id.value));
            let first_out = u64::from(id.value);
            self.pictures
                .get_or_insert_with(|| SequenceMap::new(first_out))
                .switch(number, 0);
            self.input = Some(Input { long: id.long, ids });
            return number;
        }
        self.input
            .as_mut()
            .map_or(0, |input| input.ids.unwrap(u32::from(id.value)))
    }
}

/// A small wrapping index that continues at last + 1 with each source.
#[derive(Clone, Debug, Default)]
struct Counter<const MASK: u8> {
    offset: Option<u8>,
    last: Option<u8>,
}

impl<const MASK: u8> Counter<MASK> {
    fn map(&mut self, input: u8) -> u8 {
        let offset = *self.offset.get_or_insert_with(|| {
            let next = self.last.map_or(input, |last| last.wrapping_add(1));
            next.wrapping_sub(input)
        });
        let out = input.wrapping_add(offset) & MASK;
        let ahead = self.last.map_or(1, |last| out.wrapping_sub(last) & MASK);
        if ahead <= MASK / 2 {
            self.last = Some(out);
        }
        out
    }
}

fn write(descriptor: &Vp8Descriptor) -> Vp8Prefix {
    let mut prefix = Vp8Prefix {
        bytes: [0; MAX_LEN],
        len: 0,
        replaces: descriptor.len,
    };
    let mut put = |byte: u8| {
        if let Some(slot) = prefix.bytes.get_mut(usize::from(prefix.len)) {
            *slot = byte;
            prefix.len += 1;
        }
    };
    let flags = u8::from(descriptor.picture_id.is_some()) << 7
        | u8::from(descriptor.tl0_picture_index.is_some()) << 6
        | u8::from(descriptor.temporal.is_some()) << 5
        | u8::from(descriptor.key_index.is_some()) << 4;
    put(u8::from(flags != 0) << 7
        | u8::from(descriptor.non_reference) << 5
        | u8::from(descriptor.partition_start) << 4
        | (descriptor.partition & 0x07));
    if flags != 0 {
        put(flags);
    }
    if let Some(id) = descriptor.picture_id {
        let [high, low] = id.value.to_be_bytes();
        put(0x80 | high);
        put(low);
    }
    if let Some(index) = descriptor.tl0_picture_index {
        put(index);
    }
    if flags & 0x30 != 0 {
        put(descriptor.temporal.unwrap_or(0) << 6
            | u8::from(descriptor.layer_sync) << 5
            | descriptor.key_index.unwrap_or(0) & 0x1F);
    }
    prefix
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(id: u16, tl0: u8, temporal: u8) -> Vp8Descriptor {
        Vp8Descriptor {
            non_reference: temporal > 0,
            partition_start: true,
            partition: 0,
            picture_id: Some(PictureId {
                value: id & 0x7FFF,
                long: true,
            }),
            tl0_picture_index: Some(tl0),
            temporal: Some(temporal),
            layer_sync: false,
            key_index: Some(3),
            len: 6,
        }
    }

    fn ids(prefix: Option<Vp8Prefix>) -> Option<(u16, u8)> {
        let prefix = prefix?;
        let read = Vp8Descriptor::parse(prefix.bytes()).unwrap();
        assert_eq!(read.len, prefix.bytes().len());
        Some((
            read.picture_id.unwrap().value,
            read.tl0_picture_index.unwrap(),
        ))
    }

    #[test]
    fn left_out_pictures_leave_no_gap() {
        let mut rewriter = Vp8Rewriter::default();
        assert_eq!(
            ids(rewriter.rewrite(&packet(0x7FFF, 255, 0))),
            Some((0x7FFF, 255))
        );
        rewriter.drop(&packet(0, 255, 1));
        rewriter.drop(&packet(0, 255, 1));
        assert_eq!(ids(rewriter.rewrite(&packet(1, 0, 0))), Some((0, 0)));
        assert_eq!(ids(rewriter.rewrite(&packet(0, 255, 1))), None);
        assert_eq!(
            ids(rewriter.rewrite(&packet(0x7FFF, 255, 0))),
            Some((0x7FFF, 255))
        );
    }

    #[test]
    fn switch_continues_all_three_numbers() {
        let mut rewriter = Vp8Rewriter::default();
        rewriter.rewrite(&packet(100, 50, 0));
        rewriter.rewrite(&packet(101, 50, 1));
        rewriter.switch();
        let first = rewriter.rewrite(&packet(7, 9, 0)).unwrap();
        let read = Vp8Descriptor::parse(first.bytes()).unwrap();
        assert_eq!(ids(Some(first)), Some((102, 51)));
        assert_eq!(read.key_index, Some(4));
        assert_eq!(ids(rewriter.rewrite(&packet(6, 8, 0))), None);
    }

    #[test]
    fn short_ids_become_long_and_tell_what_they_replace() {
        let mut rewriter = Vp8Rewriter::default();
        let payload = [0x90, 0x80, 0x7F, 0x00];
        let prefix = rewriter
            .rewrite(&Vp8Descriptor::parse(&payload).unwrap())
            .unwrap();
        assert_eq!(
            (prefix.bytes(), prefix.replaces),
            (&[0x90, 0x80, 0x80, 0x7F][..], 3)
        );
        let next = rewriter
            .rewrite(&Vp8Descriptor::parse(&[0x90, 0x80, 0x00]).unwrap())
            .unwrap();
        assert_eq!(next.bytes(), &[0x90, 0x80, 0x80, 0x80]);
    }

    #[test]
    fn descriptor_without_ids_keeps_its_form() {
        let mut rewriter = Vp8Rewriter::default();
        let prefix = rewriter
            .rewrite(&Vp8Descriptor::parse(&[0x31, 9]).unwrap())
            .unwrap();
        assert_eq!((prefix.bytes(), prefix.replaces), (&[0x31][..], 1));
    }

    #[derive(Clone, Copy, Debug)]
    struct Step {
        switch_to: Option<u16>,
        lost: bool,
        late: bool,
        temporal: u8,
    }

    fn step() -> impl Strategy<Value = Step> {
        (
            proptest::option::weighted(0.03, any::<u16>()),
            prop::bool::weighted(0.1),
            prop::bool::weighted(0.1),
            0u8..2,
        )
            .prop_map(|(switch_to, lost, late, temporal)| Step {
                switch_to,
                lost,
                late,
                temporal,
            })
    }

    proptest! {
        /// Only lost pictures may be missing in what the consumer sees, over switches, left-out layers and wraps.
        #[test]
        fn ids_are_gapless_but_for_loss(steps in proptest::collection::vec(step(), 1..300), start in any::<u16>()) {
            let mut rewriter = Vp8Rewriter::default();
            let (mut id, mut tl0) = (start & 0x7FFF, start as u8);
            let mut first = true;
            let mut expected: Option<(u16, u8)> = None;
            // What the rewriter has seen: pictures lost right before a switch are unknown to it.
            let mut reached: Option<(u16, u8)> = None;
            let mut held: Option<(Vp8Descriptor, (u16, u8))> = None;
            for step in steps {
                if let Some(to) = step.switch_to {
                    (id, tl0, first) = (to & 0x7FFF, to as u8, true);
                    rewriter.switch();
                    (held, expected) = (None, reached);
                }
                let temporal = if first { 0 } else { step.temporal };
                if !first {
                    id = (id + 1) & 0x7FFF;
                    if temporal == 0 { tl0 = tl0.wrapping_add(1); }
                }
                let descriptor = packet(id, tl0, temporal);
                if temporal > 0 && !step.lost {
                    rewriter.drop(&descriptor);
                    reached = reached.zip(expected).map(|((_, tl0), (id, _))| (id, tl0));
                    continue;
                }
                let want = expected.map_or((id, tl0), |(id, tl0)| {
                    ((id + 1) & 0x7FFF, if temporal == 0 { tl0.wrapping_add(1) } else { tl0 })
                });
                expected = Some(want);
                if first || !(step.lost || step.late) {
                    first = false;
                    reached = expected;
                    prop_assert_eq!(ids(rewriter.rewrite(&descriptor)), Some(want));
                    if let Some((descriptor, want)) = held.take() {
                        prop_assert_eq!(ids(rewriter.rewrite(&descriptor)), Some(want));
                    }
                } else if !step.lost {
                    held = Some((descriptor, want));
                }
            }
        }

        #[test]
        fn any_descriptors_never_panic(payloads in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 1..8), 0u8..8), 0..200)) {
            let mut rewriter = Vp8Rewriter::default();
            for (payload, call) in payloads {
                let Some(descriptor) = Vp8Descriptor::parse(&payload) else { continue };
                match call {
                    0 => rewriter.switch(),
                    1 | 2 => rewriter.drop(&descriptor),
                    _ => if let Some(prefix) = rewriter.rewrite(&descriptor) {
                        let read = Vp8Descriptor::parse(prefix.bytes()).unwrap();
                        prop_assert_eq!(read.temporal, descriptor.temporal);
                        prop_assert_eq!(read.start_of_frame(), descriptor.start_of_frame());
                        prop_assert!(prefix.replaces <= payload.len());
                    },
                }
            }
        }
    }
}
