//! A device without a desk: enrolled at a county and speaking through the desk's own courier, for stories about the line
//! alone. It keeps nothing and knows no rule.

use std::sync::Mutex;

use desk::courier::{Courier, CourierFault, Https, Keeping, Prove};
use domain::blob::{Piece, Stand};
use domain::enrol::{EnrolAsk, EnrolReply, Invitation, proof_bytes};
use domain::exchange::{Acks, Hello, Page, Pull, Push, Sum, Welcome};
use domain::ids::{DeviceId, JournalId, Sha, hex};
use domain::{Signer as _, SigningKey};

use crate::chance::Chance;

/// A courier that notes where the county stood and where it went on, and is less patient than a desk's.
pub struct Envoy {
    https: Https,
    invitation: Invitation,
    own: (Vec<u8>, Vec<u8>),
    resumed: Mutex<Vec<(u64, u64)>>,
    stood: Mutex<Option<u64>>,
}

impl Envoy {
    /// Enrols a device with this invitation, over the address that the invitation names.
    ///
    /// # Panics
    /// When the county refuses.
    pub fn enrolled(invitation: &str) -> Self {
        let invitation: Invitation = invitation.parse().expect("an invitation");
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let params = rcgen::CertificateParams::new(vec!["desk".to_owned()]).expect("params");
        let certificate = params.self_signed(&pair).expect("a certificate").der().to_vec();
        let own = (certificate, pair.serialize_der());
        let https = Https::new(&invitation.address, invitation.certificate, own.clone()).expect("a courier");
        let mut chance = Chance::of(u64::from_be_bytes(invitation.token[..8].try_into().expect("eight bytes")));
        let mut seed = [0; 32];
        for part in seed.chunks_mut(8) {
            part.copy_from_slice(&chance.draw().to_be_bytes());
        }
        let key = SigningKey::from_bytes(&seed);
        let journal = JournalId(chance.draw().to_be_bytes());
        let ask = EnrolAsk {
            token: hex(&invitation.token),
            key: hex(key.verifying_key().as_bytes()),
            journal,
            proof: hex(&key.sign(&proof_bytes(&invitation.token, journal)).to_bytes()),
            practice: true,
            bundle_key: None,
        };
        https.enrol(&ask).expect("enrolled");
        Self { https, invitation, own, resumed: Mutex::default(), stood: Mutex::default() }
    }

    /// The same device with a courier that has no connection yet.
    ///
    /// # Panics
    /// When TLS cannot be set up.
    #[must_use]
    pub fn anew(self) -> Self {
        let Self { invitation, own, resumed, .. } = self;
        let https = Https::new(&invitation.address, invitation.certificate, own.clone()).expect("a courier");
        Self { https, invitation, own, resumed, stood: Mutex::default() }
    }

    /// Each time bytes were sent: where the county had said it stands, and the offset of the first byte.
    pub fn resumed(&self) -> Vec<(u64, u64)> {
        std::mem::take(&mut *self.resumed.lock().expect("no panic"))
    }

    fn note(&self, from: u64) {
        let stood = self.stood.lock().expect("no panic").take();
        self.resumed.lock().expect("no panic").push((stood.unwrap_or(u64::MAX), from));
    }
}

impl Courier for Envoy {
    fn enrol(&self, ask: &EnrolAsk) -> Result<EnrolReply, CourierFault> {
        self.https.enrol(ask)
    }

    fn offer(&self, device: DeviceId, prove: &Prove<'_>, push: &Push) -> Result<(), CourierFault> {
        self.https.offer(device, prove, push)
    }

    fn hello(&self, hello: &Hello) -> Result<Welcome, CourierFault> {
        self.https.hello(hello)
    }

    fn bundle(&self, sealed: &[u8]) -> Result<Vec<u8>, CourierFault> {
        self.https.bundle(sealed)
    }

    fn push(&self, push: &Push) -> Result<Acks, CourierFault> {
        self.https.push(push)
    }

    fn pull(&self, pull: &Pull) -> Result<Page, CourierFault> {
        self.https.pull(pull)
    }

    fn close(&self, pull: &Pull) -> Result<Sum, CourierFault> {
        self.https.close(pull)
    }

    fn blob_stand(&self, piece: &Piece) -> Result<Stand, CourierFault> {
        let stand = self.https.blob_stand(piece)?;
        *self.stood.lock().expect("no panic") = Some(stand.have);
        Ok(stand)
    }

    fn put_blob(&self, piece: &Piece, whole: &[u8], told: &mut dyn FnMut(u64)) -> Result<Stand, CourierFault> {
        self.note(piece.from);
        self.https.put_blob(piece, whole, told)
    }

    fn get_blob(&self, sha: Sha, from: u64, keep: &mut Keeping<'_>) -> Result<(), CourierFault> {
        self.note(from);
        self.https.get_blob(sha, from, keep)
    }

    fn traffic(&self) -> (u64, u64) {
        self.https.traffic()
    }

    fn page(&self) -> usize {
        self.https.page()
    }

    fn rest(&self, fruitless: u32) -> bool {
        fruitless < 3 && self.https.rest(fruitless)
    }
}
