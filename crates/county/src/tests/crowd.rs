//! The crowd over real connections, with places for a few: who has to go, and who stays.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::crowd::Limits;
use crate::serve::serve_so_many;

/// Longest that anything is waited for, and what is waited to see that nothing comes.
const PATIENCE: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(300);

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A certificate of one's own and the connections that show it.
struct Caller {
    certificate: Sha,
    config: Arc<ClientConfig>,
}

impl Caller {
    fn new() -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let params = rcgen::CertificateParams::new(vec!["caller".to_owned()]).expect("params");
        let certificate = params.self_signed(&pair).expect("a certificate").der().to_vec();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_client_auth_cert(
                vec![CertificateDer::from(certificate.clone())],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der())),
            )
            .expect("a certificate");
        Self { certificate: Sha::of(&certificate), config: Arc::new(config) }
    }

    /// A connection on which one question was asked, so that it has its place.
    async fn call(&self, at: std::net::SocketAddr) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(at).await.expect("connected");
        let name = ServerName::try_from("county").expect("a name");
        let mut stream = TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await.expect("a handshake");
        let sha = "09".repeat(32);
        let asked = format!("GET /v1/blob/{sha} HTTP/1.1\r\nhost: county\r\n\r\n");
        stream.write_all(asked.as_bytes()).await.expect("asked");
        let mut heard = vec![0; 4_096];
        let count = tokio::time::timeout(PATIENCE, stream.read(&mut heard)).await.expect("in time").expect("an answer");
        assert!(heard[..count].starts_with(b"HTTP/1.1 "), "{count} bytes");
        stream
    }
}

/// Whether the county has ended a connection.
async fn ended(stream: &mut (impl AsyncRead + Unpin), within: Duration) -> bool {
    let mut rest = vec![0; 4_096];
    let over = async {
        // What was said before may still be read.
        while !matches!(stream.read(&mut rest).await, Ok(0) | Err(_)) {}
    };
    tokio::time::timeout(within, over).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_too_many_connections_of_a_kind_the_first_is_ended_and_nobody_elses() {
    let mut world = World::new("crowd");
    let token = world.token("zhou", Role::SchoolDirector, &[]);
    let zhou = world.stranger("zhou");
    let device = Caller::new();
    world.county.enrol(device.certificate, &zhou.ask(token)).expect("enrolled");
    let World { county, home, .. } = world;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let limits = Limits { strangers: 3, unknown: 2, of_one: 2 };
    let serving = tokio::spawn(async move {
        serve_so_many(Arc::new(county), listener, limits, async {
            stopped.await.ok();
        })
        .await
    });

    // One device: the third connection ends its first.
    let mut first = device.call(at).await;
    let mut second = device.call(at).await;
    let mut third = device.call(at).await;
    assert!(ended(&mut first, PATIENCE).await);
    assert!(!ended(&mut second, MOMENT).await && !ended(&mut third, MOMENT).await);
    // Certificates that nobody knows, each another's: the third ends the first of them, and none of the device's.
    let mut unknown = Vec::new();
    for _ in 0..3 {
        unknown.push(Caller::new().call(at).await);
    }
    assert!(ended(&mut unknown[0], PATIENCE).await);
    assert!(!ended(&mut unknown[1], MOMENT).await && !ended(&mut unknown[2], MOMENT).await);
    assert!(!ended(&mut second, MOMENT).await && !ended(&mut third, MOMENT).await);
    // Those who say nothing at all: the fourth ends the first, and a device still gets in.
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(TcpStream::connect(at).await.expect("connected"));
    }
    assert!(ended(&mut silent[0], PATIENCE).await);
    assert!(!ended(&mut silent[3], MOMENT).await);
    let mut again = device.call(at).await;
    assert!(!ended(&mut again, MOMENT).await && !ended(&mut third, MOMENT).await);
    assert!(ended(&mut second, PATIENCE).await);
    stop.send(()).expect("it serves");
    serving.await.expect("no panic").expect("served");
    drop(home);
}
