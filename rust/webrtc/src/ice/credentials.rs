//! Our username fragments and passwords, two of them while ICE restarts (RFC 8445 section 9). Refuses to know who checks with them.

use crate::Error;
use crate::params::IceParameters;

/// The current credentials, and those before a restart until the peer uses the new ones.
pub struct Credentials {
    current: IceParameters,
    previous: Option<IceParameters>,
}

/// Which of our credentials a check was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    Current,
    Previous,
}

impl Credentials {
    pub fn new(current: IceParameters) -> Self {
        Self {
            current,
            previous: None,
        }
    }

    /// A second restart before the first was answered forgets the oldest.
    pub fn restart(&mut self, current: IceParameters) {
        self.previous = Some(std::mem::replace(&mut self.current, current));
    }

    /// The peer has used the current ones.
    pub fn forget_previous(&mut self) {
        self.previous = None;
    }

    pub fn find(&self, ufrag: &str) -> Option<Generation> {
        if self.current.username_fragment == ufrag {
            return Some(Generation::Current);
        }
        let previous = self.previous.as_ref()?;
        (previous.username_fragment == ufrag).then_some(Generation::Previous)
    }

    /// The password of a generation; the current one once the previous is forgotten.
    pub fn password(&self, generation: Generation) -> &str {
        match (generation, &self.previous) {
            (Generation::Previous, Some(previous)) => &previous.password,
            _ => &self.current.password,
        }
    }

    pub fn username_fragments(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.current)
            .chain(&self.previous)
            .map(|c| c.username_fragment.as_str())
    }
}

/// The characters that RFC 8839 section 5.4 allows.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// 144 bits, more than the 128 of RFC 8445 section 5.3.
const PASSWORD_LEN: usize = 24;

impl IceParameters {
    /// A random password for `username_fragment`.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn with_random_password(username_fragment: String, ice_lite: bool) -> Result<Self, Error> {
        Ok(Self {
            username_fragment,
            password: random_ice_string(PASSWORD_LEN)?,
            ice_lite,
        })
    }
}

/// `len` random ICE characters of 6 bits each.
///
/// # Errors
/// When the system has no randomness to give.
pub fn random_ice_string(len: usize) -> Result<String, Error> {
    let mut bytes = vec![0; len];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::State("no randomness"))?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(ICE_CHARS[usize::from(byte & 63)]))
        .collect())
}
