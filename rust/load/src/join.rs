//! Joining a server as any client does: an offer over HTTP, an answer back. Owns WHIP (RFC 9725) and WHEP requests; refuses to know media.

use std::net::SocketAddr;
use std::time::Duration;

use medianode_webrtc::DtlsContext;
use medianode_webrtc::params::{DtlsRole, IceParameters, Protocol};
use medianode_webrtc::sdp::{self, Description, OfferPlan, OfferedMedia};

/// A session on the server.
pub struct Joined {
    pub answer: Description,
    /// Absolute URL of the session resource; empty when the server gave none.
    pub resource: String,
    /// The server's UDP candidate.
    pub server: SocketAddr,
    pub ice: IceParameters,
}

/// Talks to one server.
pub struct Signalling {
    agent: ureq::Agent,
    authorization: String,
}

const SDP: &str = "application/sdp";

impl Signalling {
    /// `token` may be empty.
    pub fn new(token: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            .build();
        let authorization = if token.is_empty() {
            String::new()
        } else {
            format!("Bearer {token}")
        };
        Self {
            agent: config.into(),
            authorization,
        }
    }

    /// Posts an offer for `media`; the errors say which step failed and what the server answered.
    pub fn join(
        &self,
        url: &str,
        ice: IceParameters,
        dtls: &DtlsContext,
        media: Vec<OfferedMedia>,
    ) -> Result<Joined, String> {
        let dtls = medianode_webrtc::params::DtlsParameters {
            role: DtlsRole::Auto,
            fingerprints: vec![dtls.fingerprint()],
        };
        let offer = sdp::offer(OfferPlan {
            session_id: 1,
            ice,
            dtls,
            media,
        });
        let mut request = self.agent.post(url).header("content-type", SDP);
        if !self.authorization.is_empty() {
            request = request.header("authorization", &self.authorization);
        }
        let mut response = request
            .send(sdp::write(&offer))
            .map_err(|error| format!("POST {url}: {error}"))?;
        let status = response.status();
        let location = response
            .headers()
            .get("location")
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
            .to_owned();
        let text = response
            .body_mut()
            .read_to_string()
            .map_err(|error| format!("POST {url}: {error}"))?;
        if status != 201 {
            return Err(format!(
                "POST {url}: status {status}: {}",
                text.chars().take(300).collect::<String>()
            ));
        }
        let answer = sdp::read(&text).map_err(|error| format!("answer of {url}: {error}"))?;
        let server = answer
            .candidates
            .iter()
            .find(|candidate| candidate.protocol == Protocol::Udp && candidate.ip.is_loopback())
            .or_else(|| {
                answer
                    .candidates
                    .iter()
                    .find(|candidate| candidate.protocol == Protocol::Udp)
            })
            .map(|candidate| SocketAddr::new(candidate.ip, candidate.port))
            .ok_or_else(|| format!("answer of {url}: no UDP candidate"))?;
        let ice = answer
            .ice
            .clone()
            .ok_or_else(|| format!("answer of {url}: no ICE credentials"))?;
        Ok(Joined {
            answer,
            resource: absolute(url, &location),
            server,
            ice,
        })
    }

    /// Ends a session; failures are of no consequence to a load run.
    pub fn leave(&self, resource: &str) {
        if !resource.is_empty() {
            let mut request = self.agent.delete(resource);
            if !self.authorization.is_empty() {
                request = request.header("authorization", &self.authorization);
            }
            let _ = request.call();
        }
    }
}

/// Resolves a `Location` against the URL that was posted to (absolute URL or absolute path, as servers send).
fn absolute(base: &str, location: &str) -> String {
    if location.is_empty() || location.contains("://") {
        return location.to_owned();
    }
    let authority = base.find("://").map_or(0, |at| at + 3);
    let end = base[authority..]
        .find('/')
        .map_or(base.len(), |at| authority + at);
    format!(
        "{}{}{location}",
        &base[..end],
        if location.starts_with('/') { "" } else { "/" }
    )
}

#[cfg(test)]
mod tests {
    use super::absolute;

    #[test]
    fn resolves_what_servers_send_as_location() {
        assert_eq!(
            absolute("http://h:1/whip/r", "/whip/s/1"),
            "http://h:1/whip/s/1"
        );
        assert_eq!(absolute("http://h:1/whip/r", "http://o/x"), "http://o/x");
        assert_eq!(absolute("http://h:1", "x"), "http://h:1/x");
        assert_eq!(absolute("http://h:1/a", ""), "");
    }
}
