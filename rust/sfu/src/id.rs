//! Names of things. Owns the newtypes; refuses to know what they name.

use serde::{Deserialize, Serialize};

macro_rules! object_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);
    )*};
}

object_id! {
    /// One room's fan-out on this node. Ids are chosen by the control plane and unique in the process.
    RouterId;
    /// One secured association with a peer.
    TransportId;
    /// Ingress leg of one media source.
    ProducerId;
    /// Egress leg of one media source.
    ConsumerId;
    /// Ingress leg of one data channel.
    DataProducerId;
    /// Egress leg of one data channel.
    DataConsumerId;
}

/// Where a transport lives in its worker: an opaque token that the router hands back to the [`crate::Sink`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransportKey(pub u32);
