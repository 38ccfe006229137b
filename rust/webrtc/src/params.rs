//! Parameters of one transport, as exchanged with a peer through some signalling. Owns their shapes; refuses to know SDP.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// ICE credentials of one side (RFC 8445 section 5.3).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceParameters {
    pub username_fragment: String,
    pub password: String,
    #[serde(default)]
    pub ice_lite: bool,
}

impl std::fmt::Debug for IceParameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceParameters")
            .field("username_fragment", &self.username_fragment)
            .finish_non_exhaustive()
    }
}

/// Transport protocol below ICE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    Udp,
    Tcp,
}

/// A host candidate of ours (RFC 8839 section 5.1, RFC 6544 for TCP, always passive).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceCandidate {
    pub foundation: String,
    pub priority: u32,
    pub ip: IpAddr,
    pub protocol: Protocol,
    pub port: u16,
}

/// Who sends the ClientHello (RFC 8842); `Auto` is an offer's `actpass`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DtlsRole {
    Auto,
    Client,
    Server,
}

/// A certificate hash (RFC 8122): `sha-256` and its upper-case, colon-separated value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DtlsFingerprint {
    pub algorithm: String,
    pub value: String,
}

/// DTLS role and fingerprints of one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DtlsParameters {
    pub role: DtlsRole,
    pub fingerprints: Vec<DtlsFingerprint>,
}

/// SCTP over DTLS (RFC 8841).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SctpParameters {
    pub port: u16,
    /// Bytes.
    pub max_message_size: u32,
}

/// How one data channel delivers (RFC 8831, RFC 8832).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelParameters {
    pub label: String,
    #[serde(default)]
    pub protocol: String,
    pub ordered: bool,
    #[serde(default)]
    pub max_retransmits: Option<u16>,
    /// ms.
    #[serde(default)]
    pub max_packet_life_time: Option<u16>,
}

/// The path of one datagram. For TCP the remote address names the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransportTuple {
    pub protocol: Protocol,
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

/// SRTP protection profiles we speak (RFC 5764, RFC 7714).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SrtpProfile {
    #[serde(rename = "AEAD_AES_128_GCM")]
    AeadAes128Gcm,
    #[serde(rename = "AEAD_AES_256_GCM")]
    AeadAes256Gcm,
    #[serde(rename = "AES_CM_128_HMAC_SHA1_80")]
    AesCm128HmacSha1_80,
}
