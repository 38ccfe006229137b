//! AV1 dependency descriptor (AV1 RTP specification, appendix A). Owns the structure of one encoding and the place of each
//! frame in it; refuses to know which decode target a consumer gets.

use super::PayloadInfo;
use crate::Layer;

const MAX_TARGETS: usize = 32;
const MAX_TEMPLATES: usize = 64;

/// What a frame is to one decode target (appendix A.8.3, table of DTIs).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Indication {
    #[default]
    NotPresent,
    /// No frame of the target refers to it.
    Discardable,
    /// A receiver may begin with the target here.
    Switch,
    Required,
}

impl Indication {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        Some(match bits.take(2)? {
            0 => Indication::NotPresent,
            1 => Indication::Discardable,
            2 => Indication::Switch,
            _ => Indication::Required,
        })
    }
}

/// What depends on the frame's template, or is told for the frame alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dependencies {
    layer: Layer,
    indications: [Indication; MAX_TARGETS],
    chain_diffs: [u8; MAX_TARGETS],
    /// It refers to no other frame.
    independent: bool,
}

impl Dependencies {
    fn of(layer: Layer) -> Self {
        Self {
            layer,
            indications: [Indication::NotPresent; MAX_TARGETS],
            chain_diffs: [0; MAX_TARGETS],
            independent: true,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Structure {
    id_offset: u8,
    targets: usize,
    chains: usize,
    templates: Vec<Dependencies>,
    /// Chain of each target, if there are chains.
    protected_by: [u8; MAX_TARGETS],
    /// Highest layer of each target.
    target_layers: [Layer; MAX_TARGETS],
}

/// Structure that the last key frame of one encoding announced, and the decode targets that are active.
#[derive(Clone, Debug, Default)]
pub struct DependencyState {
    structure: Option<Structure>,
    active: u32,
    /// Changes with the structure.
    epoch: u32,
}

/// Descriptor of one packet, complete by the encoding's structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DependencyDescriptor {
    pub start_of_frame: bool,
    pub end_of_frame: bool,
    /// Wraps at 2^16.
    pub frame_number: u16,
    /// The packet announces a structure: it begins a key frame.
    pub structure_attached: bool,
    /// Bit per decode target.
    pub active_targets: u32,
    targets: u8,
    chains: u8,
    epoch: u32,
    layer_sync: bool,
    frame: Dependencies,
}

impl DependencyState {
    /// Reads one extension value and keeps an announced structure. None when it is cut short, contradicts itself, or
    /// comes before any structure; nothing is kept then.
    pub fn parse(&mut self, value: &[u8]) -> Option<DependencyDescriptor> {
        let mut bits = Bits::new(value);
        let start_of_frame = bits.flag()?;
        let end_of_frame = bits.flag()?;
        let template_id = bits.take(6)? as u8;
        let frame_number = bits.take(16)? as u16;
        let mut custom = [false; 3];
        let mut announced = None;
        let mut active = self.active;
        if value.len() > 3 {
            let structure_present = bits.flag()?;
            let active_present = bits.flag()?;
            for flag in &mut custom {
                *flag = bits.flag()?;
            }
            if structure_present {
                let structure = Structure::read(&mut bits)?;
                active = u32::MAX >> (MAX_TARGETS - structure.targets);
                announced = Some(structure);
            }
            if active_present {
                active = bits.take(announced.as_ref().or(self.structure.as_ref())?.targets)?;
            }
        }
        let structure = announced.as_ref().or(self.structure.as_ref())?;
        let frame = structure.frame(&mut bits, template_id, custom)?;
        let changes = announced.is_some() && announced != self.structure;
        let epoch = self.epoch.wrapping_add(u32::from(changes));
        let descriptor = DependencyDescriptor {
            start_of_frame,
            end_of_frame,
            frame_number,
            structure_attached: announced.is_some(),
            active_targets: active,
            targets: structure.targets as u8,
            chains: structure.chains as u8,
            epoch,
            layer_sync: structure.switches_up(&frame),
            frame,
        };
        if announced.is_some() {
            self.structure = announced;
        }
        self.active = active;
        self.epoch = epoch;
        Some(descriptor)
    }

    /// Says which structure is valid: targets and chains of frames from another one mean something else.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Best active decode target that stays within `limit`.
    pub fn target_within(&self, limit: Layer) -> Option<u8> {
        let structure = self.structure.as_ref()?;
        let layers = structure
            .target_layers
            .iter()
            .take(structure.targets)
            .zip(0u8..);
        layers
            .filter(|(layer, target)| {
                let fits = layer.spatial <= limit.spatial && layer.temporal <= limit.temporal;
                fits && self.active >> target & 1 == 1
            })
            .max_by_key(|(layer, target)| (**layer, std::cmp::Reverse(*target)))
            .map(|(_, target)| target)
    }

    /// The active decode target with the least in it.
    pub fn lowest_target(&self) -> Option<u8> {
        let structure = self.structure.as_ref()?;
        let layers = structure.target_layers.get(..structure.targets)?;
        let active = layers
            .iter()
            .zip(0u8..)
            .filter(|(_, target)| self.active >> target & 1 == 1);
        active
            .min_by_key(|(layer, _)| **layer)
            .map(|(_, target)| target)
    }

    /// Highest layer of a decode target.
    pub fn target_layer(&self, target: u8) -> Option<Layer> {
        let structure = self.structure.as_ref()?;
        let layers = structure.target_layers.get(..structure.targets)?;
        layers.get(usize::from(target)).copied()
    }

    /// Chain that protects a decode target: the target is intact while no frame of its chain is missing.
    pub fn chain_of(&self, target: u8) -> Option<u8> {
        let structure = self
            .structure
            .as_ref()
            .filter(|structure| structure.chains > 0)?;
        let protected_by = structure.protected_by.get(..structure.targets)?;
        protected_by.get(usize::from(target)).copied()
    }
}

impl DependencyDescriptor {
    /// Structure that the frame was read with.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Layer of the frame.
    pub fn layer(&self) -> Layer {
        self.frame.layer
    }

    /// What the frame is to `target`; [`Indication::NotPresent`] when there is no such target.
    pub fn indication(&self, target: u8) -> Indication {
        self.frame
            .indications
            .get(usize::from(target))
            .copied()
            .unwrap_or_default()
    }

    /// Decode targets of the structure, active or not.
    pub fn targets(&self) -> u8 {
        self.targets
    }

    /// Distance in frame numbers to the previous frame of `chain`; 0 when the frame begins the chain.
    pub fn chain_diff(&self, chain: u8) -> Option<u8> {
        let diffs = self.frame.chain_diffs.get(..usize::from(self.chains))?;
        diffs.get(usize::from(chain)).copied()
    }

    /// The same in the terms of all codecs.
    pub fn info(&self) -> PayloadInfo {
        let mut present = self
            .frame
            .indications
            .iter()
            .filter(|i| **i != Indication::NotPresent);
        PayloadInfo {
            keyframe: self.structure_attached && self.start_of_frame && self.frame.independent,
            start_of_frame: self.start_of_frame,
            end_of_frame: self.end_of_frame,
            spatial: Some(self.frame.layer.spatial),
            temporal: Some(self.frame.layer.temporal),
            layer_sync: self.layer_sync,
            opens_upper: false,
            intra: self.frame.independent,
            opens_sequence: false,
            discardable: present.all(|indication| *indication == Indication::Discardable),
        }
    }
}

/// Adds `offset` to the frame number of a descriptor in place, wrapping. False when the value is too short.
pub fn offset_frame_number(value: &mut [u8], offset: u16) -> bool {
    let Some([_, high, low]) = value.first_chunk_mut::<3>() else {
        return false;
    };
    [*high, *low] = u16::from_be_bytes([*high, *low])
        .wrapping_add(offset)
        .to_be_bytes();
    true
}

impl Structure {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let id_offset = bits.take(6)? as u8;
        let targets = bits.take(5)? as usize + 1;
        let mut templates = Self::read_layers(bits)?;
        for template in &mut templates {
            for indication in template.indications.iter_mut().take(targets) {
                *indication = Indication::read(bits)?;
            }
        }
        for template in &mut templates {
            while bits.flag()? {
                bits.take(4)?;
                template.independent = false;
            }
        }
        let chains = bits.non_symmetric(targets as u32 + 1)? as usize;
        let mut protected_by = [0; MAX_TARGETS];
        if chains > 0 {
            for chain in protected_by.iter_mut().take(targets) {
                *chain = bits.non_symmetric(chains as u32)? as u8;
            }
            for template in &mut templates {
                for diff in template.chain_diffs.iter_mut().take(chains) {
                    *diff = bits.take(4)? as u8;
                }
            }
        }
        if bits.flag()? {
            let highest = templates
                .iter()
                .map(|template| template.layer.spatial)
                .max()?;
            for _ in 0..=highest {
                bits.take(32)?;
            }
        }
        let mut target_layers = [Layer {
            spatial: 0,
            temporal: 0,
        }; MAX_TARGETS];
        for template in &templates {
            for (layer, indication) in target_layers.iter_mut().zip(template.indications) {
                if indication != Indication::NotPresent {
                    layer.spatial = layer.spatial.max(template.layer.spatial);
                    layer.temporal = layer.temporal.max(template.layer.temporal);
                }
            }
        }
        Some(Self {
            id_offset,
            targets,
            chains,
            templates,
            protected_by,
            target_layers,
        })
    }

    /// `template_layers()`: each step stays, goes up in time, goes up in space, or ends.
    fn read_layers(bits: &mut Bits<'_>) -> Option<Vec<Dependencies>> {
        let mut templates = Vec::new();
        let mut layer = Layer {
            spatial: 0,
            temporal: 0,
        };
        while templates.len() < MAX_TEMPLATES {
            templates.push(Dependencies::of(layer));
            match bits.take(2)? {
                0 => {}
                1 => layer.temporal += 1,
                2 => {
                    layer = Layer {
                        spatial: layer.spatial + 1,
                        temporal: 0,
                    }
                }
                _ => return Some(templates),
            }
        }
        None
    }

    /// `frame_dependency_definition()`.
    fn frame(&self, bits: &mut Bits<'_>, id: u8, custom: [bool; 3]) -> Option<Dependencies> {
        let index = (id + 64 - self.id_offset) % 64;
        let mut frame = *self.templates.get(usize::from(index))?;
        let [custom_indications, custom_diffs, custom_chains] = custom;
        if custom_indications {
            for indication in frame.indications.iter_mut().take(self.targets) {
                *indication = Indication::read(bits)?;
            }
        }
        if custom_diffs {
            frame.independent = true;
            loop {
                let size = bits.take(2)? as usize;
                if size == 0 {
                    break;
                }
                bits.take(4 * size)?;
                frame.independent = false;
            }
        }
        if custom_chains {
            for diff in frame.chain_diffs.iter_mut().take(self.chains) {
                *diff = bits.take(8)? as u8;
            }
        }
        Some(frame)
    }

    /// The target that ends exactly at the frame's layer may be begun here.
    fn switches_up(&self, frame: &Dependencies) -> bool {
        let targets = self
            .target_layers
            .iter()
            .take(self.targets)
            .zip(frame.indications);
        let mut own = targets.filter(|(layer, _)| **layer == frame.layer);
        own.any(|(_, indication)| indication == Indication::Switch)
    }
}

/// Most significant bit first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// At most 32 bits.
    fn take(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// `ns(n)` of the AV1 specification, section 4.10.7: a number below `n`.
    fn non_symmetric(&mut self, n: u32) -> Option<u32> {
        let width = u32::BITS - n.leading_zeros();
        let short = (1 << width) - n;
        let value = self.take(width.checked_sub(1)? as usize)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1) - short + self.take(1)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Collects bits for tests.
    #[derive(Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn put(mut self, value: u32, count: u32) -> Self {
            self.0
                .extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            self
        }

        fn bytes(self) -> Vec<u8> {
            let pack = |bits: &[bool]| {
                bits.iter()
                    .enumerate()
                    .fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at))
            };
            self.0.chunks(8).map(pack).collect()
        }
    }

    /// L1T2: two targets (all, base only), one chain, three templates: key, base, top.
    fn key_frame(number: u16) -> Vec<u8> {
        Writer::default()
            .put(0b10, 2)
            .put(5, 6)
            .put(u32::from(number), 16)
            .put(0b10000, 5)
            .put(5, 6)
            .put(1, 5)
            .put(0, 2)
            .put(1, 2)
            .put(3, 2)
            // DTIs: key SS, base SS, top D-.
            .put(0b1010, 4)
            .put(0b1010, 4)
            .put(0b0100, 4)
            // Frame differences: none, 2, 1.
            .put(0, 1)
            .put(1, 1)
            .put(1, 4)
            .put(0, 1)
            .put(1, 1)
            .put(0, 4)
            .put(0, 1)
            // ns(3) = 1 chain; each target is protected by ns(1) = 0.
            .put(0b10, 2)
            .put(0, 4)
            .put(2, 4)
            .put(1, 4)
            .put(1, 1)
            .put(1279, 16)
            .put(719, 16)
            .bytes()
    }

    fn frame(template: u32, number: u16) -> Vec<u8> {
        Writer::default()
            .put(0b11, 2)
            .put(template, 6)
            .put(u32::from(number), 16)
            .bytes()
    }

    const T0: Layer = Layer {
        spatial: 0,
        temporal: 0,
    };
    const T1: Layer = Layer {
        spatial: 0,
        temporal: 1,
    };

    #[test]
    fn key_frame_announces_the_structure() {
        let mut state = DependencyState::default();
        let key = state.parse(&key_frame(65_535)).unwrap();
        assert!(key.info().keyframe && key.info().layer_sync && !key.info().discardable);
        assert_eq!(
            (key.frame_number, key.targets(), key.active_targets),
            (65_535, 2, 0b11)
        );
        assert_eq!(
            (state.target_layer(0), state.target_layer(1)),
            (Some(T1), Some(T0))
        );
        assert_eq!(
            (state.target_within(Layer::TOP), state.target_within(T0)),
            (Some(0), Some(1))
        );
        assert_eq!((state.chain_of(1), state.chain_of(2)), (Some(0), None));
    }

    #[test]
    fn later_frames_follow_their_template() {
        let mut state = DependencyState::default();
        assert_eq!(state.parse(&frame(7, 1)), None);
        state.parse(&key_frame(0)).unwrap();
        let top = state.parse(&frame(7, 1)).unwrap();
        assert_eq!(
            (top.layer(), top.chain_diff(0), top.chain_diff(1)),
            (T1, Some(1), None)
        );
        assert_eq!(top.indication(0), Indication::Discardable);
        assert_eq!(top.indication(1), Indication::NotPresent);
        assert!(top.info().discardable && !top.info().keyframe && top.info().end_of_frame);
        let base = state.parse(&frame(6, 2)).unwrap();
        assert_eq!((base.layer(), base.chain_diff(0)), (T0, Some(2)));
        assert_eq!(state.parse(&frame(8, 3)), None);
    }

    #[test]
    fn active_targets_stay_until_changed() {
        let mut state = DependencyState::default();
        state.parse(&key_frame(0)).unwrap();
        let narrowed = Writer::default()
            .put(0b11, 2)
            .put(6, 6)
            .put(2, 16)
            .put(0b01000, 5)
            .put(0b10, 2)
            .bytes();
        assert_eq!(state.parse(&narrowed).unwrap().active_targets, 0b10);
        assert_eq!(state.parse(&frame(6, 4)).unwrap().active_targets, 0b10);
        assert_eq!(state.target_within(Layer::TOP), Some(1));
        assert_eq!(state.lowest_target(), Some(1));
        assert_eq!(state.parse(&key_frame(6)).unwrap().active_targets, 0b11);
    }

    #[test]
    fn truncated_structure_gives_none_and_keeps_the_old_one() {
        let whole = key_frame(9);
        let mut state = DependencyState::default();
        state.parse(&key_frame(0)).unwrap();
        for len in 4..whole.len() {
            assert_eq!(state.parse(&whole[..len]), None, "{len}");
        }
        assert!(state.parse(&frame(7, 1)).is_some());
        for len in 0..3 {
            assert_eq!(state.parse(&whole[..len]), None);
        }
    }

    #[test]
    fn frame_number_wraps_in_place() {
        let mut value = key_frame(65_530);
        let mut state = DependencyState::default();
        assert!(offset_frame_number(&mut value, 10));
        assert_eq!(state.parse(&value).unwrap().frame_number, 4);
        assert!(!offset_frame_number(&mut [0, 1], 1));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(first in proptest::collection::vec(any::<u8>(), 0..90),
                                       second in proptest::collection::vec(any::<u8>(), 0..30)) {
            let mut state = DependencyState::default();
            for value in [&first, &second] {
                if let Some(descriptor) = state.parse(value) {
                    descriptor.info();
                    for target in 0..=255 {
                        descriptor.indication(target);
                        descriptor.chain_diff(target);
                        state.target_layer(target);
                        state.chain_of(target);
                    }
                    state.target_within(Layer::TOP);
                }
            }
        }

        #[test]
        fn damaged_structures_never_panic(at in 0usize..22, flip in 1u8..=255, number in any::<u16>()) {
            let mut value = key_frame(number);
            if let Some(byte) = value.get_mut(at) { *byte ^= flip; }
            let mut state = DependencyState::default();
            state.parse(&value);
            state.parse(&frame(7, number));
        }
    }
}
