//! SRTP and SRTCP against the bytes of RFC 3711 appendix B and RFC 7714 sections 16 and 17.

use medianode_webrtc::params::SrtpProfile;
use medianode_webrtc::srtp::kdf::{Flow, SessionKeys};
use medianode_webrtc::srtp::{Keys, MasterKey, RxSrtp, SrtpError, TxSrtp};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

const SALT: &str = "51756964 2070726f 2071756f";
const KEY_128: &str = "00010203 04050607 08090a0b 0c0d0e0f";
const KEY_256: &str = "00010203 04050607 08090a0b 0c0d0e0f 10111213 14151617 18191a1b 1c1d1e1f";

const RTP: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
    69736120 696e2070 61727465 73207472 6573";
const SRTP_128: &str = "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
    0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce";
const SRTP_256: &str = "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238
    9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13";

const RTCP: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
    deadbeef deadbeef deadbeef deadbeef deadbeef";
const RTCP_INDEX: u32 = 0x5d4;
const SRTCP_128: &str = "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
    c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4";
const SRTCP_256: &str = "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50
    a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4";
const SRTCP_128_TAG_ONLY: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930
    4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef 841dd968 3dd78ec9 2ae58790 125f62b3
    000005d4";

/// RFC 7714 gives session keys, not master keys.
fn gcm(profile: SrtpProfile, key: &str) -> (TxSrtp, RxSrtp) {
    let keys = SessionKeys::new(profile, &hex(key), &hex(SALT), &[]).unwrap();
    let tx = TxSrtp::with_session_keys(profile, &keys, &keys).unwrap();
    (
        tx,
        RxSrtp::with_session_keys(profile, &keys, &keys, 1).unwrap(),
    )
}

#[test]
fn rfc_7714_section_16_rtp() {
    for (profile, key, sealed) in [
        (SrtpProfile::AeadAes128Gcm, KEY_128, SRTP_128),
        (SrtpProfile::AeadAes256Gcm, KEY_256, SRTP_256),
    ] {
        let (mut tx, mut rx) = gcm(profile, key);
        let mut buffer = hex(RTP);
        let len = buffer.len();
        buffer.resize(len + 16, 0);
        assert_eq!(tx.protect_rtp(&mut buffer, len, 0xf17b), Some(len + 16));
        assert_eq!(buffer, hex(sealed));
        assert_eq!(rx.unprotect_rtp(&mut buffer), Ok(len));
        assert_eq!(buffer[..len], hex(RTP));
    }
}

#[test]
fn rfc_7714_section_17_rtcp() {
    for (profile, key, sealed) in [
        (SrtpProfile::AeadAes128Gcm, KEY_128, SRTCP_128),
        (SrtpProfile::AeadAes256Gcm, KEY_256, SRTCP_256),
    ] {
        let (mut tx, mut rx) = gcm(profile, key);
        tx.set_rtcp_index(RTCP_INDEX);
        let mut buffer = hex(RTCP);
        let len = buffer.len();
        buffer.resize(len + 20, 0);
        assert_eq!(tx.protect_rtcp(&mut buffer, len), Some(len + 20));
        assert_eq!(buffer, hex(sealed));
        assert_eq!(rx.unprotect_rtcp(&mut buffer), Ok(len));
        assert_eq!(buffer[..len], hex(RTCP));
    }
}

#[test]
fn rfc_7714_section_17_3_unencrypted_rtcp_is_refused() {
    let (_, mut rx) = gcm(SrtpProfile::AeadAes128Gcm, KEY_128);
    let mut packet = hex(SRTCP_128_TAG_ONLY);
    assert_eq!(rx.unprotect_rtcp(&mut packet), Err(SrtpError::NotEncrypted));
    // The index word is authenticated: setting the bit does not help.
    let word = packet.len() - 4;
    packet[word] |= 0x80;
    assert_eq!(
        rx.unprotect_rtcp(&mut packet),
        Err(SrtpError::Authentication)
    );
    assert_eq!(rx.rtcp_ssrcs(), 0);
}

#[test]
fn rfc_3711_appendix_b_2_keystream() {
    let key = hex("2b7e1516 28aed2a6 abf71588 09cf4f3c");
    let salt = hex("f0f1f2f3 f4f5f6f7 f8f9fafb fcfd");
    let profile = SrtpProfile::AesCm128HmacSha1_80;
    let keys = SessionKeys::new(profile, &key, &salt, &[0; 20]).unwrap();
    let mut tx = TxSrtp::with_session_keys(profile, &keys, &keys).unwrap();
    // SSRC, rollover counter and sequence number are 0; zeros are sealed, so the payload is the keystream.
    let len = 12 + 0xff02 * 16;
    let mut packet = vec![0; len + 16];
    packet[0] = 0x80;
    assert_eq!(tx.protect_rtp(&mut packet, len, 0), Some(len + 10));
    let block = |at: usize| &packet[12 + 16 * at..][..16];
    assert_eq!(block(0), hex("e03ead0935c95e80e166b16dd92b4eb4"));
    assert_eq!(block(1), hex("d23513162b02d0f72a43a2fe4a5f97ab"));
    assert_eq!(block(2), hex("41e95b3bb0a2e8dd477901e4fca894c0"));
    assert_eq!(block(0xfeff), hex("ec8cdf7398607cb0f2d21675ea9ea1e4"));
    assert_eq!(block(0xff00), hex("362b7c3c6773516318a077d7fc5073ae"));
    assert_eq!(block(0xff01), hex("6a2cc3787889374fbeb4c81b17ba6c44"));
}

#[test]
fn rfc_3711_appendix_b_3_session_keys() {
    let profile = SrtpProfile::AesCm128HmacSha1_80;
    let master = MasterKey::new(
        profile,
        &hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
        &hex("0EC675AD498AFEEBB6960B3AABE6"),
    )
    .unwrap();
    let keys = SessionKeys::derive(profile, &master, Flow::Rtp).unwrap();
    assert_eq!(keys.key(), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(keys.salt(), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(
        keys.auth_key()[..],
        hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
    );
}

#[test]
fn exporter_block_is_client_key_server_key_client_salt_server_salt() {
    for profile in [
        SrtpProfile::AeadAes128Gcm,
        SrtpProfile::AeadAes256Gcm,
        SrtpProfile::AesCm128HmacSha1_80,
    ] {
        let (key, salt) = (profile.key_len(), profile.salt_len());
        let mut block = vec![1; key];
        block.extend(vec![2; key]);
        block.extend(vec![3; salt]);
        block.extend(vec![4; salt]);
        assert_eq!(block.len(), profile.keying_material_len());
        let client = Keys::from_dtls(profile, &block, true).unwrap();
        let server = Keys::from_dtls(profile, &block, false).unwrap();
        let clients = MasterKey::new(profile, &vec![1; key], &vec![3; salt]).unwrap();
        let session = |master: &MasterKey| {
            SessionKeys::derive(profile, master, Flow::Rtp)
                .unwrap()
                .key()
                .to_vec()
        };
        assert_eq!(session(&client.local), session(&clients));
        assert_eq!(session(&server.remote), session(&clients));
        assert_eq!(session(&server.local), session(&client.remote));
        assert_ne!(session(&server.local), session(&clients));
        block.pop();
        assert!(Keys::from_dtls(profile, &block, true).is_none());
    }
}

#[test]
fn secrets_are_not_printed() {
    let profile = SrtpProfile::AeadAes128Gcm;
    let keys = Keys::from_dtls(profile, &[0xa7; 56], true).unwrap();
    let rx = RxSrtp::new(profile, &keys.remote, 1).unwrap();
    let printed = format!("{keys:?}{rx:?}").to_lowercase();
    assert!(
        !printed.contains("a7") && !printed.contains("167"),
        "{printed}"
    );
}
