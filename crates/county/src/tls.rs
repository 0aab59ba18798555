//! Who is on the other end. TLS 1.3 with a certificate on both sides, neither from an authority: the desk pins the
//! county's, the county knows a device by the hash of its own. What is proved here is that the peer holds the key of the
//! certificate it shows, never that it is enrolled: that is asked at every request.

use std::sync::Arc;

use domain::ids::Sha;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, ServerConfig, SignatureScheme,
};

use crate::county::County;

/// Bytes of a TLS record with all around it: what fits a packet of any line.
const SEGMENT: usize = 1_340;

/// The client certificate's SHA-256, as the handshake proved it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) Sha);

#[derive(Debug)]
struct AnyDevice(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyDevice {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        ParsedCertificate::try_from(end_entity)?;
        if intermediates.is_empty() {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOfferedOrEnabled))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The server's side of TLS for a county.
pub(crate) fn config(county: &County) -> Result<ServerConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (certificate, key) = county.tls();
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(AnyDevice(provider)))
        .with_single_cert(vec![certificate], key)?;
    // One record to a segment of TCP: on a line that loses packets, every segment that arrives can be read at once.
    config.max_fragment_size = Some(SEGMENT);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
