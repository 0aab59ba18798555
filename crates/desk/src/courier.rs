//! Couriers carry the exchange: over HTTPS here, by a function call in tests. A courier knows no rule and keeps nothing.
//! The county is the one whose certificate the invitation named; no other server is ever spoken to.

use std::sync::Arc;
use std::time::Duration;

use domain::enrol::{EnrolAsk, EnrolReply, Refusal, Refused};
use domain::exchange::{Acks, Hello, Message, Page, Pull, Push, Sum, Welcome};
use domain::ids::{FileId, Sha};
use domain::wire::WireFault;
use domain::words::Section;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

/// Largest inflated answer, bytes.
const MOST_INFLATED: usize = 96 * 1024 * 1024;

/// Why a message did not get through.
#[derive(Debug, thiserror::Error)]
pub enum CourierFault {
    /// Nobody answers there.
    #[error("the county is not reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It is not the county that was joined.
    #[error("the server's certificate is not the county's")]
    NotTrusted,
    /// The line broke.
    #[error("the line broke")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The county says no.
    #[error("the county refused: {0:?}")]
    Refused(Refusal),
    /// An answer that cannot be read.
    #[error("the answer cannot be read")]
    Wire(#[from] WireFault),
    /// TLS could not be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// Carries the exchange's messages.
pub trait Courier: Send + Sync {
    /// Presents an invitation.
    ///
    /// # Errors
    /// [`CourierFault`].
    fn enrol(&self, ask: &EnrolAsk) -> Result<EnrolReply, CourierFault>;
    /// Greets.
    ///
    /// # Errors
    /// [`CourierFault`].
    fn hello(&self, hello: &Hello) -> Result<Welcome, CourierFault>;
    /// Sends batches.
    ///
    /// # Errors
    /// [`CourierFault`].
    fn push(&self, push: &Push) -> Result<Acks, CourierFault>;
    /// Asks for a page.
    ///
    /// # Errors
    /// [`CourierFault`].
    fn pull(&self, pull: &Pull) -> Result<Page, CourierFault>;
    /// Compares sums.
    ///
    /// # Errors
    /// [`CourierFault`].
    fn close(&self, pull: &Pull) -> Result<Sum, CourierFault>;
    /// Sends a blob.
    ///
    /// # Errors
    /// [`CourierFault`].
    fn put_blob(&self, sha: Sha, file: FileId, section: Section, bytes: Vec<u8>) -> Result<(), CourierFault>;
    /// Fetches a blob; its hash has been checked.
    ///
    /// # Errors
    /// [`CourierFault`].
    fn get_blob(&self, sha: Sha) -> Result<Vec<u8>, CourierFault>;
    /// Bytes out and in so far.
    fn traffic(&self) -> (u64, u64);
}

/// The county over HTTPS.
pub struct Https {
    client: reqwest::blocking::Client,
    address: String,
    out: std::sync::atomic::AtomicU64,
    back: std::sync::atomic::AtomicU64,
}

/// Believes one certificate: the one the invitation named.
#[derive(Debug)]
struct Pinned {
    certificate: Sha,
    algorithms: rustls::crypto::WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if Sha::of(end_entity) == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::InvalidCertificate(rustls::CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl Https {
    /// A courier to the county at `address` with this certificate, showing the desk's own.
    ///
    /// # Errors
    /// `Tls`, or `Unreachable` for a client that cannot be made.
    pub fn new(address: &str, certificate: Sha, own: (Vec<u8>, Vec<u8>)) -> Result<Self, CourierFault> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let chain = vec![CertificateDer::from(own.0)];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.1));
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned { certificate, algorithms }))
            .with_client_auth_cert(chain, key)?;
        let client = reqwest::blocking::Client::builder()
            .tls_backend_preconfigured(config)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(300))
            .build()
            .map_err(|error| CourierFault::Unreachable(error.into()))?;
        Ok(Self { client, address: address.to_owned(), out: 0.into(), back: 0.into() })
    }

    fn count(&self, out: usize, back: usize) {
        use std::sync::atomic::Ordering::Relaxed;
        self.out.fetch_add(u64::try_from(out).unwrap_or(0), Relaxed);
        self.back.fetch_add(u64::try_from(back).unwrap_or(0), Relaxed);
    }

    fn send(&self, request: reqwest::blocking::RequestBuilder, out: usize) -> Result<Vec<u8>, CourierFault> {
        let answer = request.send().map_err(|error| {
            if said_not_trusted(&error) {
                CourierFault::NotTrusted
            } else if error.is_connect() {
                CourierFault::Unreachable(error.into())
            } else {
                CourierFault::Broken(error.into())
            }
        })?;
        let ok = answer.status().is_success();
        let body = answer.bytes().map_err(|error| CourierFault::Broken(error.into()))?;
        self.count(out, body.len());
        if ok {
            return Ok(body.to_vec());
        }
        match serde_json::from_slice::<Refused>(&body) {
            Ok(refused) => Err(CourierFault::Refused(refused.refused)),
            Err(_) => Err(CourierFault::Refused(Refusal::CountyTrouble)),
        }
    }

    fn say<M: Message, A: Message>(&self, path: &str, message: &M) -> Result<A, CourierFault> {
        let body =
            zstd::encode_all(message.bytes().as_slice(), 9).map_err(|error| CourierFault::Broken(error.into()))?;
        let out = body.len();
        let request = self
            .client
            .post(format!("{}{path}", self.address))
            .header("content-type", "application/octet-stream")
            .body(body);
        let answer = self.send(request, out)?;
        let plain = zstd::bulk::Decompressor::new()
            .and_then(|mut inflate| inflate.decompress(&answer, MOST_INFLATED))
            .map_err(|error| CourierFault::Broken(error.into()))?;
        Ok(A::parse(&plain)?)
    }
}

/// Whether a request failed because the certificate was another.
fn said_not_trusted(error: &reqwest::Error) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        if let Some(rustls::Error::InvalidCertificate(_)) = source.downcast_ref::<rustls::Error>() {
            return true;
        }
        // Errors of the TLS stream come wrapped in io errors, which hide their content from `source`.
        if let Some(inner) = source.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref)
            && let Some(rustls::Error::InvalidCertificate(_)) = inner.downcast_ref::<rustls::Error>()
        {
            return true;
        }
        next = source.source();
    }
    false
}

impl Courier for Https {
    fn enrol(&self, ask: &EnrolAsk) -> Result<EnrolReply, CourierFault> {
        let request = self.client.post(format!("{}/v1/enrol", self.address)).json(ask);
        let body = self.send(request, 0)?;
        serde_json::from_slice(&body).map_err(|error| CourierFault::Broken(error.into()))
    }

    fn hello(&self, hello: &Hello) -> Result<Welcome, CourierFault> {
        self.say("/v1/hello", hello)
    }

    fn push(&self, push: &Push) -> Result<Acks, CourierFault> {
        self.say("/v1/push", push)
    }

    fn pull(&self, pull: &Pull) -> Result<Page, CourierFault> {
        self.say("/v1/pull", pull)
    }

    fn close(&self, pull: &Pull) -> Result<Sum, CourierFault> {
        self.say("/v1/close", pull)
    }

    fn put_blob(&self, sha: Sha, file: FileId, section: Section, bytes: Vec<u8>) -> Result<(), CourierFault> {
        let out = bytes.len();
        let request = self
            .client
            .put(format!("{}/v1/blob/{sha}?file={file}&section={}", self.address, section.code()))
            .body(bytes);
        self.send(request, out).map(drop)
    }

    fn get_blob(&self, sha: Sha) -> Result<Vec<u8>, CourierFault> {
        let bytes = self.send(self.client.get(format!("{}/v1/blob/{sha}", self.address)), 0)?;
        if Sha::of(&bytes) == sha { Ok(bytes) } else { Err(CourierFault::Wire(WireFault::Range("hash"))) }
    }

    fn traffic(&self) -> (u64, u64) {
        use std::sync::atomic::Ordering::Relaxed;
        (self.out.load(Relaxed), self.back.load(Relaxed))
    }
}
