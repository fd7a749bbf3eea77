//! The boxes of CurveZMQ: X25519, XSalsa20 and Poly1305, as NaCl's `crypto_box`. A box is a tag of 16
//! bytes and then the text.

use crate::key::{PrivateKey, PublicKey};
use crypto_secretbox::{AeadInPlace, Kdf, KeyInit, XSalsa20Poly1305};
use curve25519_dalek::MontgomeryPoint;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a tag.
pub(super) const TAG_BYTES: usize = 16;

/// Bytes of a nonce.
pub(super) const NONCE_BYTES: usize = 24;

/// The secret that two key pairs have in common: boxes of either side open for the other. Wiped when dropped.
#[derive(Clone)]
pub(super) struct SalsaBox(XSalsa20Poly1305);

impl SalsaBox {
    /// Nothing if the peer's key is one of the few that make a secret everybody knows.
    pub(super) fn new(ours: &PrivateKey, theirs: &PublicKey) -> Option<Self> {
        let mut point = MontgomeryPoint(*theirs.as_bytes()).mul_clamped(*ours.as_bytes());
        let shared = Zeroizing::new(point.to_bytes());
        point.zeroize();
        if bool::from(shared.ct_eq(&[0; 32])) {
            return None;
        }
        let mut key = XSalsa20Poly1305::kdf((&*shared).into(), &Default::default());
        let salsa_box = Self(XSalsa20Poly1305::new(&key));
        key.as_mut_slice().zeroize();
        Some(salsa_box)
    }

    /// Makes a box in place: `text` becomes what it says, encrypted; the tag belongs in front of it.
    #[expect(clippy::expect_used, reason = "it fails only for more bytes than memory has")]
    pub(super) fn seal(&self, nonce: &[u8; NONCE_BYTES], text: &mut [u8]) -> [u8; TAG_BYTES] {
        let tag = self.0.encrypt_in_place_detached(nonce.into(), &[], text);
        tag.expect("XSalsa20 has no bound that a slice reaches").into()
    }

    /// Opens a box in place and gives its text.
    pub(super) fn open<'a>(&self, nonce: &[u8; NONCE_BYTES], sealed: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let (tag, text) = sealed.split_at_mut_checked(TAG_BYTES)?;
        self.0.decrypt_in_place_detached(nonce.into(), &[], text, (&*tag).into()).ok()?;
        Some(text)
    }

    /// A box of a text that is copied.
    pub(super) fn seal_copy(&self, nonce: &[u8; NONCE_BYTES], text: &[u8]) -> Vec<u8> {
        let mut sealed = [&[0; TAG_BYTES], text].concat();
        let (tag, text) = sealed.split_at_mut(TAG_BYTES);
        tag.copy_from_slice(&self.seal(nonce, text));
        sealed
    }
}

impl fmt::Debug for SalsaBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SalsaBox(hidden)")
    }
}

/// A nonce of a counter.
pub(super) fn short_nonce(prefix: &[u8; 16], counter: u64) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..16].copy_from_slice(prefix);
    nonce[16..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

/// A nonce of random bytes.
pub(super) fn long_nonce(prefix: &[u8; 8], random: &[u8; 16]) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..8].copy_from_slice(prefix);
    nonce[8..].copy_from_slice(random);
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        text.as_bytes()
            .chunks_exact(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// From "Cryptography in NaCl" by Daniel J. Bernstein: the box, and its first 32 bytes.
    #[test]
    fn a_box_is_that_of_nacl() {
        let secret = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
        let public = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
        let nonce = hex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37");
        let text = hex(concat!(
            "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c6129",
            "6cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde",
            "048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705"
        ));
        let ours = PrivateKey::from_bytes(secret.try_into().unwrap());
        let theirs = PublicKey::from_bytes(public.try_into().unwrap());
        let sealed = SalsaBox::new(&ours, &theirs).unwrap().seal_copy(&nonce.try_into().unwrap(), &text);
        assert_eq!(sealed[..32], hex("f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce"));
    }

    #[test]
    fn boxes_open_for_the_other_side_and_nobody_else() {
        let (alice, bob, eve) = (PrivateKey::generate(), PrivateKey::generate(), PrivateKey::generate());
        let sealed = SalsaBox::new(&alice, &bob.public()).unwrap().seal_copy(&[3; 24], b"hello");
        let open = |ours: &PrivateKey, theirs: &PrivateKey, sealed: &[u8]| {
            let salsa_box = SalsaBox::new(ours, &theirs.public()).unwrap();
            salsa_box.open(&[3; 24], &mut sealed.to_vec()).map(|text| text.to_vec())
        };
        assert_eq!(open(&bob, &alice, &sealed).unwrap(), b"hello");
        assert_eq!(open(&eve, &alice, &sealed), None);
        assert_eq!(open(&bob, &eve, &sealed), None);
        assert_eq!(open(&bob, &alice, &sealed[..15]), None);
        assert_eq!(open(&bob, &alice, &sealed[..20]), None);
    }

    #[test]
    fn keys_that_make_a_known_secret_are_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        for weak in [[0; 32], one] {
            assert!(SalsaBox::new(&PrivateKey::generate(), &PublicKey::from_bytes(weak)).is_none());
        }
    }
}
