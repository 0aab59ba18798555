//! The exchange over real TLS on the loopback: certificates on both sides, limits, refusals as JSON, an orderly end.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::PathBuf;
use std::sync::Arc;

use county::{Clock, County, Founding, Invite, serve};
use domain::SigningKey;
use domain::blob::Stand;
use domain::clock::Millis;
use domain::enrol::{EnrolAsk, EnrolReply, Refusal, Refused, proof_bytes};
use domain::exchange::{Acks, Cursor, Hello, Message, Page, Pull, Push, Sum, Welcome};
use domain::fact::{Batch, Fact, seal};
use domain::ids::{DeviceId, FactId, FileId, JournalId, Sha, hex};
use domain::pack::{MOST_INFLATED, pack, squeeze, unpack};
use domain::wire::Writer;
use domain::words::{Role, Section};
use ed25519_dalek::Signer as _;
use reqwest::StatusCode;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::sync::oneshot;

/// Believes one certificate and no other.
#[derive(Debug)]
struct Pinned(Sha, CryptoProvider);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if Sha::of(end_entity) == self.0 {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer))
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.1.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.1.signature_verification_algorithms.supported_schemes()
    }
}

/// A client with a certificate of its own, or with none.
fn client(pin: Sha, own: bool) -> reqwest::Client {
    let provider = ring::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider.clone()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned(pin, provider)));
    let config = if own {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let params = rcgen::CertificateParams::new(vec!["desk".to_owned()]).expect("params");
        let certificate = params.self_signed(&pair).expect("a certificate").der().clone();
        let key = PrivateKeyDer::try_from(pair.serialize_der()).expect("a key");
        config.with_client_auth_cert(vec![certificate], key).expect("a client certificate")
    } else {
        config.with_no_client_auth()
    };
    reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().build().expect("a client")
}

struct Served {
    home: PathBuf,
    county: Arc<County>,
    url: String,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<Result<(), county::ServeFault>>,
}

async fn served(name: &str) -> Served {
    let home = std::env::temp_dir().join(format!("ruhu-county-{}-{name}", std::process::id()));
    std::fs::remove_dir_all(&home).ok();
    let founding = Founding { name: "青石县".to_owned(), practice: true, hosts: vec![] };
    let county = Arc::new(County::init(&home, &founding, Clock::system()).expect("a county"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let (stop, stopped) = oneshot::channel();
    let done = tokio::spawn(serve(Arc::clone(&county), listener, async {
        stopped.await.ok();
    }));
    Served { home, county, url, stop, done }
}

impl Served {
    async fn end(self) {
        self.stop.send(()).expect("still serving");
        self.done.await.expect("no panic").expect("an orderly end");
        drop(self.county);
        std::fs::remove_dir_all(&self.home).expect("removed");
    }

    async fn post(&self, client: &reqwest::Client, path: &str, body: Vec<u8>) -> (StatusCode, Vec<u8>) {
        let response = client.post(format!("{}/v1/{path}", self.url)).body(body).send().await.expect("an answer");
        (response.status(), response.bytes().await.expect("a body").to_vec())
    }

    async fn say<A: Message, B: Message>(&self, client: &reqwest::Client, path: &str, message: &A) -> B {
        let (status, body) = self.post(client, path, pack(message).expect("packed")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {}", String::from_utf8_lossy(&body));
        unpack(&body).expect("a message")
    }
}

fn refused(status: StatusCode, (got, body): (StatusCode, Vec<u8>), why: Refusal) {
    assert_eq!(got, status, "{}", String::from_utf8_lossy(&body));
    assert_eq!(serde_json::from_slice::<Refused>(&body).expect("a refusal").refused, why);
}

/// Status and lines of an answer about a blob.
async fn told(answer: Result<reqwest::Response, reqwest::Error>) -> (StatusCode, Vec<Stand>) {
    let answer = answer.expect("an answer");
    let (status, body) = (answer.status(), answer.bytes().await.expect("a body"));
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    (status, lines.map(|line| serde_json::from_slice(line).expect("a stand")).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_exchange_over_tls() {
    let served = served("https").await;
    let invite = Invite {
        account: "op1".parse().expect("an account"),
        name: "梁敏".to_owned(),
        role: Role::CentreOperator,
        areas: vec![],
        address: served.url.clone(),
        days: 1,
        words: false,
        undertaking: None,
    };
    let code = served.county.invite(&invite).expect("an invitation").code;
    let desk = client(code.certificate, true);
    let key = SigningKey::from_bytes(&[5; 32]);
    let journal = JournalId([5; 8]);
    let ask = EnrolAsk {
        token: hex(&code.token),
        key: hex(key.verifying_key().as_bytes()),
        journal,
        proof: hex(&key.sign(&proof_bytes(&code.token, journal)).to_bytes()),
        practice: true,
        bundle_key: None,
    };
    let ask = serde_json::to_vec(&ask).expect("JSON");
    let (status, body) = served.post(&desk, "enrol", ask.clone()).await;
    assert_eq!(status, StatusCode::OK);
    let reply: EnrolReply = serde_json::from_slice(&body).expect("a reply");
    assert_eq!((reply.county.as_str(), reply.log), ("青石县", served.county.log()));
    // The same code from another machine.
    let other = client(code.certificate, true);
    refused(StatusCode::GONE, served.post(&other, "enrol", ask).await, Refusal::InvitationUsed);
    refused(StatusCode::BAD_REQUEST, served.post(&other, "enrol", b"{}".to_vec()).await, Refusal::Malformed);

    let log = reply.log;
    let hello = Hello { log, journal, wall: Millis(0), cursor: Cursor::default(), marks: vec![], wants: vec![] };
    let welcome: Welcome = served.say(&desk, "hello", &hello).await;
    assert_eq!((welcome.head.position, welcome.batches), (1, 0));
    let file = FileId([8; 8]);
    let fact = Fact {
        id: FactId { journal, seq: 1 },
        file,
        section: Section::Core,
        wall: Millis(0),
        author: "op1".parse().expect("an account"),
        kind: "DueListed".to_owned(),
        replaces: vec![],
        body: b"{}".to_vec(),
    };
    let batch = seal(&[fact], None, 1, &[1; 16], &key).expect("sealed");
    let push = Push { batches: vec![batch.bytes()], ..Push::default() };
    let acks: Acks = served.say(&desk, "push", &push).await;
    assert_eq!((acks.acks[0].position, acks.acks[0].held.len()), (2, 0));
    let pull = Pull { log, journal: JournalId([0; 8]), cursor: Cursor::default(), most: 0 };
    let page: Page = served.say(&desk, "pull", &pull).await;
    assert_eq!((page.deliveries.len(), page.more, page.head.position), (2, false, 2));
    let back = Batch::parse(&page.deliveries[1].batch).expect("a batch");
    assert_eq!(back, batch);
    let sum: Sum = served.say(&desk, "close", &Pull { cursor: page.next, ..pull }).await;
    assert_eq!(sum.count, 3);

    // Papers, whole and in part.
    let photo = vec![7; 100_000];
    let at = format!("{}/v1/blob/{}", served.url, Sha::of(&photo));
    let place = format!("file={file}&section=CORE");
    let put =
        |from: usize, bytes: Vec<u8>| desk.put(format!("{at}?{place}&size=100000&from={from}")).body(bytes).send();
    let (status, lines) = told(put(0, photo[..60_000].to_vec()).await).await;
    assert_eq!((status, lines.last()), (StatusCode::OK, Some(&Stand { have: 60_000, ..Stand::default() })));
    // Bytes that do not follow are refused with the right offset.
    let (status, lines) = told(put(60_001, photo[60_001..].to_vec()).await).await;
    let gap = Stand { have: 60_000, refused: Some(Refusal::Gap), ..Stand::default() };
    assert_eq!((status, lines), (StatusCode::CONFLICT, vec![gap]));
    let have = format!("{at}/have?{place}&size=100000");
    let (_, lines) = told(desk.get(&have).send().await).await;
    assert_eq!(lines, [Stand { have: 60_000, ..Stand::default() }]);
    let (_, lines) = told(put(60_000, photo[60_000..].to_vec()).await).await;
    let kept = Stand { have: 100_000, kept: true, ..Stand::default() };
    assert_eq!(lines.last(), Some(&kept));
    assert_eq!(told(desk.get(&have).send().await).await.1, [kept]);
    let large = vec![6; 9 * 1024 * 1024];
    let large_at = format!("{}/v1/blob/{}?{place}&size={}", served.url, Sha::of(&large), large.len());
    let (_, lines) = told(desk.put(large_at).body(large.clone()).send().await).await;
    assert_eq!(lines.last().map(|stand| stand.kept), Some(true), "a paper may be larger than a message");
    refused(StatusCode::PAYLOAD_TOO_LARGE, served.post(&desk, "push", large).await, Refusal::TooLarge);
    let lie = format!("{}/v1/blob/{}?{place}&size=9", served.url, Sha::of(b"another"));
    let (_, lines) = told(desk.put(lie).body(vec![8; 9]).send().await).await;
    assert_eq!(lines.last(), Some(&Stand { refused: Some(Refusal::WrongBytes), ..Stand::default() }));
    assert_eq!(desk.get(&at).send().await.expect("an answer").bytes().await.expect("bytes"), photo);
    let part = desk.get(&at).header("range", "bytes=99990-").send().await.expect("an answer");
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], "bytes 99990-99999/100000");
    assert_eq!(part.bytes().await.expect("bytes").len(), 10);

    // A device that no history of this county knows cannot present itself.
    let nothing = pack(&Push::default()).expect("packed");
    let ask = format!("offer?device={}&proof={}", DeviceId([9; 8]), hex(&[7; 64]));
    refused(StatusCode::UNAUTHORIZED, served.post(&other, &ask, nothing.clone()).await, Refusal::DeviceUnknown);
    refused(StatusCode::BAD_REQUEST, served.post(&other, "offer?device=9", nothing).await, Refusal::Malformed);

    // Another log, an unknown device, nonsense, too much, nothing there.
    let elsewhere = pack(&Pull { log: domain::ids::LogId([0; 8]), ..pull }).expect("packed");
    refused(StatusCode::CONFLICT, served.post(&desk, "pull", elsewhere).await, Refusal::OtherLog);
    let body = pack(&pull).expect("packed");
    refused(StatusCode::UNAUTHORIZED, served.post(&other, "pull", body).await, Refusal::DeviceUnknown);
    refused(StatusCode::BAD_REQUEST, served.post(&desk, "pull", b"nonsense".to_vec()).await, Refusal::Malformed);
    let mut bomb = Writer::new();
    bomb.bytes(&squeeze(&vec![0; MOST_INFLATED + 1]).expect("packed"));
    let bomb = bomb.done();
    assert!(bomb.len() < 100_000);
    refused(StatusCode::PAYLOAD_TOO_LARGE, served.post(&desk, "push", bomb).await, Refusal::TooLarge);
    refused(StatusCode::NOT_FOUND, served.post(&desk, "nowhere", vec![]).await, Refusal::NotFound);
    assert_eq!(served.county.device_of(Sha([0; 32])), Err(Refusal::DeviceUnknown));
    assert_eq!(DeviceId::of_key(key.verifying_key().as_bytes()).0.len(), 8);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_talks_without_a_certificate_and_no_desk_talks_to_another_county() {
    let served = served("pins").await;
    let pull = |client: reqwest::Client| client.get(format!("{}/v1/blob/{}", served.url, Sha([0; 32]))).send();
    let pin = served.county.certificate();
    assert!(pull(client(pin, false)).await.is_err(), "no client certificate");
    assert!(pull(client(Sha([1; 32]), true)).await.is_err(), "another county's certificate");
    assert_eq!(pull(client(pin, true)).await.expect("an answer").status(), StatusCode::UNAUTHORIZED);
    // A peer that says nothing does not keep the server from ending.
    let address = served.url.strip_prefix("https://").expect("an address").to_owned();
    let mute = tokio::net::TcpStream::connect(address).await.expect("connected");
    served.end().await;
    drop(mute);
}
