//! A crowd at the county's door: connections that say nothing, connections that dribble, and honest desks among them. It stays
//! on this machine, and ends when its measure is taken.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use desk::courier::{Courier as _, CourierFault};
use domain::enrol::Refusal;
use domain::ids::Sha;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use crate::envoy::Envoy;
use crate::world::World;

/// How long honest desks waited, milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Waited {
    /// Half of them no longer.
    pub median: f64,
    /// Ninety-nine of a hundred no longer.
    pub p99: f64,
}

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Crowded {
    /// With nobody else there.
    pub alone: Waited,
    /// In the crowd.
    pub crowded: Waited,
    /// Connections that said nothing and were open at the end, or had just been ended by the county.
    pub idle: usize,
    /// Bytes that dribbled in.
    pub dribbled: usize,
}

/// An honest desk comes with a new connection each time, asks for something small and is told that there is no such thing.
fn honest(mut envoy: Envoy, times: usize) -> (Envoy, Waited) {
    let mut took = Vec::new();
    for _ in 0..times {
        envoy = envoy.anew();
        let begun = Instant::now();
        let answer = envoy.get_blob(Sha([9; 32]), 0, &mut |_| true);
        assert!(matches!(answer, Err(CourierFault::Refused(Refusal::NotFound))), "{answer:?}");
        took.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    took.sort_by(f64::total_cmp);
    let at = |share: usize| took[(took.len() * share / 100).min(took.len() - 1)];
    (envoy, Waited { median: at(50), p99: at(99) })
}

/// Believes any server: a crowd does not care.
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

fn stranger() -> Arc<ClientConfig> {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let params = rcgen::CertificateParams::new(vec!["nobody".to_owned()]).expect("params");
    let chain = vec![CertificateDer::from(params.self_signed(&pair).expect("a certificate").der().to_vec())];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_client_auth_cert(chain, key)
        .expect("a certificate");
    Arc::new(config)
}

/// One after the other: a handshake, then a byte of a request every half second, until the county has enough of it.
fn dribble(at: SocketAddr, config: &Arc<ClientConfig>, end: &AtomicBool, count: &AtomicUsize) {
    while !end.load(Ordering::Relaxed) {
        let tried = TcpStream::connect(at).ok().and_then(|stream| {
            let name = ServerName::try_from("county").ok()?;
            Some(StreamOwned::new(ClientConnection::new(Arc::clone(config), name).ok()?, stream))
        });
        let Some(mut stream) = tried else { continue };
        for byte in b"POST /v1/hello HTTP/1.1\r\nhost: county\r\ncontent-length: 8000000\r\nx: ".iter().cycle() {
            if end.load(Ordering::Relaxed) || stream.write_all(&[*byte]).is_err() || stream.flush().is_err() {
                break;
            }
            count.fetch_add(1, Ordering::Relaxed);
            std::thread::park_timeout(Duration::from_millis(500));
        }
    }
}

/// Opens so many connections and says nothing on any; each that is ended is opened again.
fn idle(at: SocketAddr, count: usize, end: &AtomicBool, open: &AtomicUsize) {
    let connect = || {
        let stream = TcpStream::connect(at).ok()?;
        stream.set_nonblocking(true).ok()?;
        Some(stream)
    };
    let mut all: Vec<Option<TcpStream>> = (0..count).map(|_| connect()).collect();
    while !end.load(Ordering::Relaxed) {
        open.store(all.iter().filter(|one| one.is_some()).count(), Ordering::Relaxed);
        for one in &mut all {
            let over = one.as_mut().is_none_or(
                |stream| !matches!(stream.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
            );
            if over {
                *one = connect();
            }
        }
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

/// Measures honest desks alone and among `silent` connections that say nothing and `dribbling` ones, `times` each.
///
/// # Panics
/// When an honest desk gets no answer.
pub fn crowded(world: &World, silent: usize, dribbling: usize, times: usize) -> Crowded {
    let at: SocketAddr = world.address().trim_start_matches("https://").parse().expect("an address");
    let envoy = Envoy::enrolled(&world.invite("honest", "SCHOOL_DIRECTOR"));
    // Once to have everything warm.
    let (envoy, _) = honest(envoy, 5);
    let (envoy, alone) = honest(envoy, times);
    let (end, open, count) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let config = stranger();
    let crowded = std::thread::scope(|scope| {
        scope.spawn(|| idle(at, silent, &end, &open));
        for _ in 0..dribbling {
            scope.spawn(|| dribble(at, &config, &end, &count));
        }
        let begun = Instant::now();
        while (open.load(Ordering::Relaxed) < silent || count.load(Ordering::Relaxed) < dribbling)
            && begun.elapsed() < Duration::from_secs(60)
        {
            std::thread::park_timeout(Duration::from_millis(50));
        }
        let (_, crowded) = honest(envoy, times);
        end.store(true, Ordering::Relaxed);
        crowded
    });
    Crowded { alone, crowded, idle: open.into_inner(), dribbled: count.into_inner() }
}

/// How many files this process may have open at most.
pub fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    line.and_then(|line| line.split_whitespace().nth(4)?.parse().ok()).unwrap_or(20_000)
}

/// So many devices behind one address, each with a connection that stays open: how many of them are answered, twice.
///
/// # Panics
/// When one cannot be enrolled.
pub fn behind_one_address(world: &World, devices: usize) -> usize {
    let envoys: Vec<Envoy> =
        (0..devices).map(|n| Envoy::enrolled(&world.invite(&format!("d{n}"), "SCHOOL_DIRECTOR"))).collect();
    let answered = |envoy: &&Envoy| {
        let answer = envoy.get_blob(Sha([9; 32]), 0, &mut |_| true);
        matches!(answer, Err(CourierFault::Refused(Refusal::NotFound)))
    };
    let once = envoys.iter().filter(answered).count();
    let twice = envoys.iter().filter(answered).count();
    once.min(twice)
}

/// The measurement of `bench crowd`.
///
/// # Panics
/// When an honest desk gets no answer.
pub fn bench_crowd() -> Vec<(String, serde_json::Value)> {
    let world = World::at("2026-12-08T12:00:00+08:00");
    let measured = crowded(&world, 2_000, 200, 300);
    let round = |value: f64| serde_json::Value::from((value * 100.0).round() / 100.0);
    vec![
        ("alone_p99_ms".to_owned(), round(measured.alone.p99)),
        ("crowd_p99_ms".to_owned(), round(measured.crowded.p99)),
        ("alone_median_ms".to_owned(), round(measured.alone.median)),
        ("crowd_median_ms".to_owned(), round(measured.crowded.median)),
        ("crowd_ratio".to_owned(), round(measured.crowded.p99 / measured.alone.p99)),
        ("idle_connections".to_owned(), measured.idle.into()),
        ("devices_behind_one_address".to_owned(), behind_one_address(&world, 900).into()),
    ]
}
