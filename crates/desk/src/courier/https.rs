//! The county over HTTPS, on lines that lose packets and forget flows without a word. Each step is tried once; a flow that
//! falls silent is given up and the next step begins on a new one, with the same TLS session.
//! The county is the one whose certificate the invitation named; no other server is ever spoken to.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::blob::{Piece, Stand};
use domain::enrol::{EnrolAsk, EnrolReply, Refusal, Refused};
use domain::exchange::{Acks, Hello, Message, PAGE_BYTES, Page, Pull, Push, Sum, Welcome};
use domain::ids::{DeviceId, Sha, hex};
use domain::pack::{PackFault, pack, unpack};
use domain::wire::WireFault;
use reqwest::{RequestBuilder, Response, StatusCode};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::time::timeout;

use super::pace::Pace;
use super::{Courier, CourierFault, Keeping, Prove};
use crate::clock::random;

/// Largest answer before and after inflating, bytes.
const MOST_ANSWER: usize = 48 * 1024 * 1024;
/// Bytes of a TLS record with all around it, so that each fits one packet: every packet that arrives can be read at once,
/// and a cut loses no more than the one in flight.
const RECORD: usize = 1_340;
/// Bytes of a blob handed over at a time.
const SLICE: usize = 4 * 1024;
/// A connection unused for so long is not used again: the county closes it after twenty seconds.
const WARM: Duration = Duration::from_secs(10);

/// The county over HTTPS.
pub struct Https {
    runtime: tokio::runtime::Runtime,
    tls: rustls::ClientConfig,
    /// SHA-256 of the desk's own certificate.
    own: Sha,
    address: String,
    line: Mutex<Line>,
    out: AtomicU64,
    back: AtomicU64,
}

/// What changes from step to step.
struct Line {
    client: reqwest::Client,
    pace: Pace,
    /// When the present connection was last heard of.
    warm: Option<Instant>,
}

/// Time limits of one step.
#[derive(Clone, Copy)]
struct Limits {
    /// Until the answer begins.
    answer: Duration,
    /// Between its bytes.
    stall: Duration,
    /// Between its bytes until somebody else asks, too.
    doubt: Duration,
    /// Trips there and back until the answer begins: three on a new connection.
    trips: u32,
}

/// Why a step broke, before it is known whether anybody was ever reached.
#[derive(Debug, thiserror::Error)]
enum Broke {
    #[error("nothing arrived for too long")]
    Silent,
    #[error("the answer ended too early")]
    Short,
    #[error("the answer is larger than any answer")]
    Large,
    #[error("breaking off as told")]
    Told,
    #[error(transparent)]
    Line(#[from] reqwest::Error),
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

/// The rest of a blob, slice by slice, until nobody listens to the answer any more: a flow that was given up must not take
/// the line from the next one.
struct Slices {
    rest: Bytes,
    given_up: Arc<AtomicBool>,
}

/// Gives the sending up when the answer is no longer listened to.
struct Listening(Arc<AtomicBool>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl http_body::Body for Slices {
    type Data = Bytes;
    type Error = Broke;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            return Poll::Ready(None);
        }
        if this.given_up.load(Ordering::Relaxed) {
            return Poll::Ready(Some(Err(Broke::Told)));
        }
        let slice = this.rest.split_to(this.rest.len().min(SLICE));
        Poll::Ready(Some(Ok(http_body::Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }
}

#[expect(clippy::disallowed_methods, reason = "the network's edge: how long the line takes is measured here")]
fn now() -> Instant {
    Instant::now()
}

impl Https {
    /// A courier to the county at `address` with this certificate, showing the desk's own (certificate and key, DER).
    ///
    /// # Errors
    /// `Tls`, or `Unreachable` for a client that cannot be made.
    pub fn new(address: &str, certificate: Sha, own: (Vec<u8>, Vec<u8>)) -> Result<Self, CourierFault> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let shown = Sha::of(&own.0);
        let chain = vec![CertificateDer::from(own.0)];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.1));
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned { certificate, algorithms }))
            .with_client_auth_cert(chain, key)?;
        tls.max_fragment_size = Some(RECORD);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CourierFault::Unreachable(error.into()))?;
        let pace = Pace::new(PAGE_BYTES);
        let client = client(&tls, pace.connect()).map_err(|error| CourierFault::Unreachable(error.into()))?;
        let line = Mutex::new(Line { client, pace, warm: None });
        Ok(Self { runtime, tls, own: shown, address: address.to_owned(), line, out: 0.into(), back: 0.into() })
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, out: usize, back: usize) {
        self.out.fetch_add(u64::try_from(out).unwrap_or(0), Ordering::Relaxed);
        self.back.fetch_add(u64::try_from(back).unwrap_or(0), Ordering::Relaxed);
    }

    /// Client and limits for a step whose request has so many bytes.
    fn begin(&self, out: usize) -> (reqwest::Client, Limits) {
        let line = self.line();
        let warm = line.warm.is_some_and(|warm| now().saturating_duration_since(warm) < WARM);
        let answer = line.pace.answer(out).saturating_add(if warm { Duration::ZERO } else { line.pace.connect() });
        let limits =
            Limits { answer, stall: line.pace.stall(), doubt: line.pace.doubt(), trips: if warm { 1 } else { 3 } };
        (line.client.clone(), limits)
    }

    /// What became of a step, in the words of couriers. After a break the next step begins on a new connection.
    fn end<T>(&self, result: Result<T, Broke>) -> Result<T, CourierFault> {
        let mut line = self.line();
        let broke = match result {
            Ok(done) => {
                line.warm = Some(now());
                return Ok(done);
            }
            Err(broke) => broke,
        };
        line.warm = None;
        line.pace.broke();
        // The old client goes with its connections: none of them is trusted any more.
        match client(&self.tls, line.pace.connect()) {
            Ok(client) => line.client = client,
            Err(error) => return Err(CourierFault::Unreachable(error.into())),
        }
        if let Broke::Line(error) = &broke
            && said_not_trusted(error)
        {
            Err(CourierFault::NotTrusted)
        } else if matches!(broke, Broke::Large) {
            Err(CourierFault::Wire(WireFault::Range("answer")))
        } else if line.pace.heard() {
            Err(CourierFault::Broken(broke.into()))
        } else {
            Err(CourierFault::Unreachable(broke.into()))
        }
    }

    /// Sends a request of so many bytes and takes the whole answer in.
    fn send(
        &self,
        request: impl FnOnce(&reqwest::Client) -> RequestBuilder,
        out: usize,
    ) -> Result<Vec<u8>, CourierFault> {
        let (client, limits) = self.begin(out);
        let begun = now();
        let request = request(&client);
        let result = self.runtime.block_on(async {
            let mut answer = first(request, limits).await?;
            let until_first = now().saturating_duration_since(begun);
            let status = answer.status();
            Ok((status, whole(&mut answer, limits.stall).await?, until_first))
        });
        let (status, body, until_first) = self.end(result)?;
        self.count(out, body.len());
        if out <= RECORD {
            self.line().pace.answered(until_first, limits.trips);
        } else {
            self.line().pace.moved();
        }
        if status.is_success() { Ok(body) } else { Err(refused(&body)) }
    }

    fn say<M: Message, A: Message>(&self, path: &str, message: &M) -> Result<A, CourierFault> {
        let packed = packed(message)?;
        let out = packed.len();
        let at = format!("{}{path}", self.address);
        let body =
            self.send(|client| client.post(at).header("content-type", "application/octet-stream").body(packed), out)?;
        unpack(&body).map_err(|fault| match fault {
            PackFault::Wire(fault) => fault.into(),
            PackFault::Zstd(_) | PackFault::TooLarge => unreadable(),
        })
    }

    fn blob_at(&self, piece: &Piece, what: &str) -> String {
        let Piece { sha, file, section, size, from } = piece;
        let section = section.code();
        format!("{}/v1/blob/{sha}{what}?file={file}&section={section}&size={size}&from={from}", self.address)
    }
}

/// A message as it travels.
fn packed<M: Message>(message: &M) -> Result<Vec<u8>, CourierFault> {
    pack(message).or(Err(unreadable()))
}

/// Bytes that zstd can do nothing with.
fn unreadable() -> CourierFault {
    CourierFault::Wire(WireFault::Range("zstd"))
}

/// A client with no connection yet.
fn client(tls: &rustls::ClientConfig, connect: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .https_only(true)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .connect_timeout(connect)
        .pool_idle_timeout(WARM)
        .pool_max_idle_per_host(1)
        .build()
}

fn refused(body: &[u8]) -> CourierFault {
    let refused = serde_json::from_slice::<Refused>(body).map_or(Refusal::CountyTrouble, |refused| refused.refused);
    CourierFault::Refused(refused)
}

/// How the sending of a blob ended.
enum Sent {
    /// With the county's last word.
    Said,
    /// It may not be sent.
    No(CourierFault),
    /// Its flow fell silent; a new one knows where the county stands.
    Elsewhere(reqwest::Client, Stand),
}

/// What the county says while a blob arrives: one small object after the other.
#[derive(Default)]
struct Stands(Vec<u8>);

impl Stands {
    fn hear(&mut self, bytes: &[u8], said: &mut impl FnMut(Stand)) -> Result<(), Broke> {
        for byte in bytes {
            self.0.push(*byte);
            if *byte == b'}' {
                said(serde_json::from_slice(&self.0).or(Err(Broke::Short))?);
                self.0.clear();
            } else if self.0.len() > RECORD {
                // A county that talks without end is none.
                return Err(Broke::Large);
            }
        }
        Ok(())
    }
}

/// Asks where the county stands.
async fn ask(request: RequestBuilder, limits: Limits) -> Result<Stand, Broke> {
    let mut answer = first(request, limits).await?;
    let body = whole(&mut answer, limits.stall).await?;
    serde_json::from_slice(&body).or(Err(Broke::Short))
}

/// The head of the answer.
async fn first(request: RequestBuilder, limits: Limits) -> Result<Response, Broke> {
    match timeout(limits.answer, request.send()).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Broke::Silent),
    }
}

/// The next bytes of an answer.
async fn more(answer: &mut Response, stall: Duration) -> Result<Option<Bytes>, Broke> {
    match timeout(stall, answer.chunk()).await {
        Ok(bytes) => Ok(bytes?),
        Err(_) => Err(Broke::Silent),
    }
}

async fn whole(answer: &mut Response, stall: Duration) -> Result<Vec<u8>, Broke> {
    let mut body = Vec::new();
    while let Some(bytes) = more(answer, stall).await? {
        if body.len().saturating_add(bytes.len()) > MOST_ANSWER {
            return Err(Broke::Large);
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
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

/// Offset of the first byte and size of the whole, of `bytes FROM-LAST/SIZE`.
fn content_range(answer: &Response) -> Option<(u64, u64)> {
    let text = answer.headers().get("content-range")?.to_str().ok()?.strip_prefix("bytes ")?;
    let (span, size) = text.split_once('/')?;
    let (from, _) = span.split_once('-')?;
    Some((from.parse().ok()?, size.parse().ok()?))
}

impl Https {
    /// Hands in what only a laptop that is lost had, sealed: the one thing that its certificate is still good for.
    ///
    /// # Errors
    /// [`CourierFault`].
    pub(crate) fn rescue(&self, sealed: &[u8]) -> Result<(), CourierFault> {
        let at = format!("{}/v1/rescue", self.address);
        let body = sealed.to_vec();
        self.send(|client| client.post(at).header("content-type", "application/octet-stream").body(body), sealed.len())
            .map(drop)
    }
}

impl Courier for Https {
    fn enrol(&self, ask: &EnrolAsk) -> Result<EnrolReply, CourierFault> {
        let at = format!("{}/v1/enrol", self.address);
        let body = self.send(|client| client.post(at).json(ask), 0)?;
        serde_json::from_slice(&body).or(Err(CourierFault::Wire(WireFault::Range("JSON"))))
    }

    fn offer(&self, device: DeviceId, prove: &Prove<'_>, push: &Push) -> Result<(), CourierFault> {
        let proof = hex(&prove(self.own));
        let packed = packed(push)?;
        let at = format!("{}/v1/offer?device={device}&proof={proof}", self.address);
        let out = packed.len();
        self.send(|client| client.post(at).header("content-type", "application/octet-stream").body(packed), out)?;
        Ok(())
    }

    fn hello(&self, hello: &Hello) -> Result<Welcome, CourierFault> {
        self.say("/v1/hello", hello)
    }

    fn push(&self, push: &Push) -> Result<Acks, CourierFault> {
        let begun = now();
        let acks = self.say("/v1/push", push)?;
        let bytes =
            push.batches.iter().chain(&push.fragments).fold(0_usize, |sum, batch| sum.saturating_add(batch.len()));
        self.line().pace.paged(bytes, now().saturating_duration_since(begun));
        Ok(acks)
    }

    fn pull(&self, pull: &Pull) -> Result<Page, CourierFault> {
        let begun = now();
        let page: Page = self.say("/v1/pull", pull)?;
        let bytes = page.deliveries.iter().fold(0_usize, |sum, one| sum.saturating_add(one.batch.len()));
        self.line().pace.paged(bytes, now().saturating_duration_since(begun));
        Ok(page)
    }

    fn close(&self, pull: &Pull) -> Result<Sum, CourierFault> {
        self.say("/v1/close", pull)
    }

    fn bundle(&self, sealed: &[u8]) -> Result<Vec<u8>, CourierFault> {
        let at = format!("{}/v1/bundle", self.address);
        let body = sealed.to_vec();
        self.send(|client| client.post(at).header("content-type", "application/octet-stream").body(body), sealed.len())
    }

    fn blob_stand(&self, piece: &Piece) -> Result<Stand, CourierFault> {
        let at = self.blob_at(piece, "/have");
        let body = self.send(|client| client.get(at), 0)?;
        serde_json::from_slice(&body).or(Err(CourierFault::Wire(WireFault::Range("JSON"))))
    }

    fn put_blob(&self, piece: &Piece, whole: &[u8], told: &mut dyn FnMut(u64)) -> Result<Stand, CourierFault> {
        let rest = usize::try_from(piece.from).ok().and_then(|from| whole.get(from..)).unwrap_or_default();
        // The request's own bytes are not waited for: the county answers while they arrive.
        let (old, limits) = self.begin(0);
        let connect = self.line().pace.connect();
        let listening = Listening(Arc::default());
        let slices = Slices { rest: Bytes::copy_from_slice(rest), given_up: Arc::clone(&listening.0) };
        let request = old
            .put(self.blob_at(piece, ""))
            .header("content-type", "application/octet-stream")
            .body(reqwest::Body::wrap(slices));
        let mut last: Option<Stand> = None;
        let mut said = |stand: Stand| {
            told(stand.have);
            last = Some(stand);
        };
        let result = self.runtime.block_on(async {
            let mut answer = first(request, limits).await?;
            if !answer.status().is_success() && answer.status() != StatusCode::CONFLICT {
                return Ok(Sent::No(refused(&self::whole(&mut answer, limits.stall).await?)));
            }
            let mut stands = Stands::default();
            loop {
                let bytes = match timeout(limits.doubt, answer.chunk()).await {
                    Ok(bytes) => bytes?,
                    Err(_) => {
                        // Dead, or only held up? A new flow asks where the county stands, and whichever is heard first
                        // goes on: no byte of a flow that lives is given up for a lost packet.
                        let new = client(&self.tls, connect)?;
                        let asking = Limits { answer: limits.stall.saturating_add(connect), ..limits };
                        tokio::select! {
                            bytes = answer.chunk() => bytes?,
                            stand = ask(new.get(self.blob_at(piece, "/have")), asking) => {
                                let stand = stand?;
                                said(stand);
                                return Ok(Sent::Elsewhere(new, stand));
                            }
                        }
                    }
                };
                let Some(bytes) = bytes else { return Ok(Sent::Said) };
                stands.hear(&bytes, &mut said)?;
            }
        });
        drop(listening);
        // Counted is what arrived there: of the rest nobody knows whether it ever left this machine.
        let have = last.map_or(piece.from, |stand| stand.have).saturating_sub(piece.from);
        self.count(usize::try_from(have).unwrap_or(0), 0);
        if have > 0 {
            self.line().pace.moved();
        }
        let ended = |stand: &Stand| stand.kept || stand.refused.is_some();
        match (result, last.filter(ended)) {
            (Ok(Sent::Elsewhere(new, stand)), _) => {
                let mut line = self.line();
                (line.client, line.warm) = (new, Some(now()));
                Ok(stand)
            }
            (Ok(Sent::No(fault)), _) => self.end(Ok(Err(fault)))?,
            (Ok(Sent::Said), Some(stand)) => self.end(Ok(stand)),
            (Ok(Sent::Said), None) => self.end(Err(Broke::Short)),
            // If the last word was said, how the flow ended after it does not matter.
            (Err(broke), last) => self.end(Err(broke)).or_else(|fault| last.ok_or(fault)),
        }
    }

    fn get_blob(&self, sha: Sha, from: u64, keep: &mut Keeping<'_>) -> Result<(), CourierFault> {
        let (client, limits) = self.begin(0);
        let request = client.get(format!("{}/v1/blob/{sha}", self.address)).header("range", format!("bytes={from}-"));
        let mut came = 0_usize;
        let result = self.runtime.block_on(async {
            let mut answer = first(request, limits).await?;
            if !answer.status().is_success() {
                return Ok(Err(refused(&whole(&mut answer, limits.stall).await?)));
            }
            let size = match content_range(&answer) {
                Some((at, size)) if at == from => size,
                // Nothing is left of it, or it is empty.
                None if answer.content_length() == Some(0) => from,
                Some(_) | None => return Ok(Err(CourierFault::Wire(WireFault::Range("content-range")))),
            };
            let mut at = from;
            while let Some(bytes) = more(&mut answer, limits.stall).await? {
                came = came.saturating_add(bytes.len());
                at = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                if !keep(&bytes) {
                    return Err(Broke::Told);
                }
            }
            if at == size { Ok(Ok(())) } else { Err(Broke::Short) }
        });
        self.count(0, came);
        if came > 0 {
            self.line().pace.moved();
        }
        self.end(result)?
    }

    fn traffic(&self) -> (u64, u64) {
        (self.out.load(Ordering::Relaxed), self.back.load(Ordering::Relaxed))
    }

    fn page(&self) -> usize {
        self.line().pace.page()
    }

    fn rest(&self, fruitless: u32) -> bool {
        let dice = random::<2>().map_or(500, u16::from_be_bytes);
        let Some(rest) = self.line().pace.rest(fruitless, dice) else { return false };
        std::thread::sleep(rest);
        true
    }
}
