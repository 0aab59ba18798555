//! The routes: bytes in, bytes out. Messages travel packed (`domain/pack.rs`); refusals as JSON with a fitting status. No rule of
//! the exchange stands here, and no body grows beyond its limit, compressed or inflated.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{ACCEPT_RANGES, CONNECTION, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::{self, Next as Following};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post, put};
use axum::{Extension, Json, Router};
use domain::blob::{MOST_BLOB, Piece, Stand};
use domain::enrol::{EnrolAsk, EnrolReply, Refusal, Refused};
use domain::exchange::{Hello, Message, Pull, Push};
use domain::ids::{DeviceId, FileId, Sha, unhex};
use domain::pack::{PackFault, pack, unpack};
use domain::words::Section;
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use crate::blob::PaperPart;
use crate::body::{Arriving, Cut, Lines, Next, whole};
use crate::carried::MOST_CARRIED;
use crate::county::County;
use crate::crowd::Paces;
use crate::permit::{Anyone, Enrolled, Permit};
use crate::restore::Proof;
use crate::tls::Peer;

/// Most bytes of a message, compressed.
pub const MOST_MESSAGE: usize = 8 * 1024 * 1024;
const MOST_ENROL: usize = 64 * 1024;
/// Bytes of a blob wait so long for more before they are written: what a cut can cost.
const SOON: Duration = Duration::from_secs(1);
/// An answer says at most so often that bytes still come.
const OFTEN: Duration = Duration::from_millis(500);
/// What has arrived is at hand after so long.
const BRIEF: Duration = Duration::from_millis(20);
/// So many bytes of a blob are written at once.
const MUCH: usize = 256 * 1024;
/// Lines of an answer that may wait to be read.
const LINES: usize = 64;

/// All that can be asked of a county over the line. The test of who may ask what (`tests/matrix.rs`) has a row for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// Present an invitation.
    Enrol,
    /// Present a device that a restored county does not know.
    Offer,
    /// Greet.
    Hello,
    /// Send own work.
    Push,
    /// Ask for a page.
    Pull,
    /// Compare sums.
    Close,
    /// Hand in another's bundle.
    Bundle,
    /// Hand in what a lost laptop has.
    Rescue,
    /// Send a paper.
    PutBlob,
    /// Fetch a paper.
    Blob,
    /// Ask how much of a paper is here.
    BlobStand,
}

impl Route {
    /// All of them.
    pub(crate) const ALL: [Self; 11] = [
        Self::Enrol,
        Self::Offer,
        Self::Hello,
        Self::Push,
        Self::Pull,
        Self::Close,
        Self::Bundle,
        Self::Rescue,
        Self::PutBlob,
        Self::Blob,
        Self::BlobStand,
    ];

    fn path(self) -> &'static str {
        match self {
            Self::Enrol => "/v1/enrol",
            Self::Offer => "/v1/offer",
            Self::Hello => "/v1/hello",
            Self::Push => "/v1/push",
            Self::Pull => "/v1/pull",
            Self::Close => "/v1/close",
            Self::Bundle => "/v1/bundle",
            Self::Rescue => "/v1/rescue",
            Self::PutBlob | Self::Blob => "/v1/blob/{sha}",
            Self::BlobStand => "/v1/blob/{sha}/have",
        }
    }

    fn handler(self) -> MethodRouter<Arc<County>> {
        match self {
            Self::Enrol => post(enrol),
            Self::Offer => post(offer),
            Self::Hello => post(hello),
            Self::Push => post(push),
            Self::Pull => post(pull),
            Self::Close => post(close),
            Self::Bundle => post(bundle),
            Self::Rescue => post(rescue),
            Self::PutBlob => put(put_blob),
            Self::Blob => get(blob),
            Self::BlobStand => get(blob_stand),
        }
    }
}

/// The routes of a county. Each request must carry a `Peer`.
pub(crate) fn router(county: Arc<County>) -> Router {
    let routes = Route::ALL.into_iter().fold(Router::new(), |all, route| all.route(route.path(), route.handler()));
    routes
        .fallback(nothing)
        .method_not_allowed_fallback(nothing)
        .layer(Extension(Arc::new(Takers::default())))
        .layer(middleware::from_fn_with_state(Arc::new(Paces::default()), in_turn))
        .with_state(county)
}

/// Whoever asks faster than a desk does waits.
async fn in_turn(
    State(paces): State<Arc<Paces>>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Following,
) -> Response {
    paces.wait(peer.0).await;
    next.run(request).await
}

/// A refusal on its way.
pub(crate) struct Sorry(Refusal);

impl From<Refusal> for Sorry {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for Sorry {
    fn into_response(self) -> Response {
        let status = match self.0 {
            Refusal::Malformed => StatusCode::BAD_REQUEST,
            Refusal::DeviceUnknown => StatusCode::UNAUTHORIZED,
            Refusal::BadProof | Refusal::NotAllowed | Refusal::NotConfirmed => StatusCode::FORBIDDEN,
            Refusal::InvitationUnknown | Refusal::NotFound => StatusCode::NOT_FOUND,
            Refusal::PracticeMismatch | Refusal::OtherLog | Refusal::Forked | Refusal::Gap => StatusCode::CONFLICT,
            Refusal::InvitationUsed | Refusal::InvitationExpired | Refusal::DeviceLost => StatusCode::GONE,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Unsealed | Refusal::WrongBytes => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::CountyTrouble => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(Refused { refused: self.0 })).into_response()
    }
}

/// The whole body, as long as `most` allows.
async fn body(body: Body, most: usize) -> Result<Vec<u8>, Sorry> {
    whole(body, most).await.map_err(|cut| match cut {
        Cut::TooLarge => Sorry(Refusal::TooLarge),
        Cut::Broken | Cut::Slow => Sorry(Refusal::Malformed),
    })
}

/// Runs a step where it may block on the disk.
pub(crate) async fn step<T: Send + 'static>(
    county: Arc<County>,
    work: impl FnOnce(&County) -> Result<T, Sorry> + Send + 'static,
) -> Result<T, Sorry> {
    // A step that panicked has changed nothing: its transaction was rolled back.
    match tokio::task::spawn_blocking(move || work(&county)).await {
        Ok(result) => result,
        Err(_) => Err(Sorry(Refusal::CountyTrouble)),
    }
}

fn heard<M: Message>(bytes: &[u8]) -> Result<M, Sorry> {
    unpack(bytes).map_err(|fault| match fault {
        PackFault::TooLarge => Sorry(Refusal::TooLarge),
        PackFault::Zstd(_) | PackFault::Wire(_) => Sorry(Refusal::Malformed),
    })
}

/// One message in, one out, from an enrolled device.
async fn exchange<A: Message, B: Message>(
    county: Arc<County>,
    permit: Permit<Enrolled>,
    bytes: Body,
    answer: impl FnOnce(&County, DeviceId, &A) -> Result<B, Refusal> + Send + 'static,
) -> Result<Response, Sorry> {
    let bytes = body(bytes, MOST_MESSAGE).await?;
    let packed = step(county, move |county| {
        let reply = answer(county, permit.device(), &heard(&bytes)?)?;
        pack(&reply).or(Err(Sorry(Refusal::CountyTrouble)))
    })
    .await?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], packed).into_response())
}

/// Whoever became known a moment ago comes back as such: its present connection stands among those of strangers.
type Anew = [(HeaderName, &'static str); 1];
const ANEW: Anew = [(CONNECTION, "close")];

async fn enrol(
    State(county): State<Arc<County>>,
    permit: Permit<Anyone>,
    bytes: Body,
) -> Result<(Anew, Json<EnrolReply>), Sorry> {
    let ask: EnrolAsk = serde_json::from_slice(&body(bytes, MOST_ENROL).await?).or(Err(Sorry(Refusal::Malformed)))?;
    let reply = step(county, move |county| Ok(county.enrol(permit.certificate(), &ask)?)).await?;
    Ok((ANEW, Json(reply)))
}

/// Who presents itself: its id, and its key's signature over `domain::enrol::offer_bytes`, hexadecimal.
#[derive(Deserialize)]
struct Presented {
    device: DeviceId,
    proof: String,
}

async fn offer(
    State(county): State<Arc<County>>,
    permit: Permit<Anyone>,
    presented: Result<Query<Presented>, axum::extract::rejection::QueryRejection>,
    bytes: Body,
) -> Result<(Anew, StatusCode), Sorry> {
    let Query(presented) = presented.or(Err(Sorry(Refusal::Malformed)))?;
    let signature = unhex(&presented.proof).ok_or(Sorry(Refusal::Malformed))?;
    let proof = Proof { device: presented.device, signature };
    let bytes = body(bytes, MOST_MESSAGE).await?;
    step(county, move |county| Ok(county.offer(permit.certificate(), &proof, &heard::<Push>(&bytes)?)?)).await?;
    Ok((ANEW, StatusCode::NO_CONTENT))
}

async fn hello(State(county): State<Arc<County>>, permit: Permit<Enrolled>, bytes: Body) -> Result<Response, Sorry> {
    exchange(county, permit, bytes, |county, device, hello: &Hello| county.hello(device, hello)).await
}

async fn push(State(county): State<Arc<County>>, permit: Permit<Enrolled>, bytes: Body) -> Result<Response, Sorry> {
    exchange(county, permit, bytes, |county, device, push: &Push| county.push(device, push)).await
}

async fn pull(State(county): State<Arc<County>>, permit: Permit<Enrolled>, bytes: Body) -> Result<Response, Sorry> {
    exchange(county, permit, bytes, |county, device, pull: &Pull| county.pull(device, pull)).await
}

async fn close(State(county): State<Arc<County>>, permit: Permit<Enrolled>, bytes: Body) -> Result<Response, Sorry> {
    exchange(county, permit, bytes, |county, device, pull: &Pull| county.close(device, pull)).await
}

/// A sealed bundle that whoever speaks here carries unread, and the sealed answer to it.
async fn bundle(State(county): State<Arc<County>>, permit: Permit<Enrolled>, bytes: Body) -> Result<Response, Sorry> {
    let sealed = body(bytes, MOST_CARRIED).await?;
    let answer = step(county, move |county| Ok(county.carried(permit.device(), &sealed)?)).await?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], answer).into_response())
}

/// What a lost laptop hands in, sealed, before it forgets everything.
async fn rescue(State(county): State<Arc<County>>, permit: Permit<Anyone>, bytes: Body) -> Result<StatusCode, Sorry> {
    let sealed = body(bytes, MOST_CARRIED).await?;
    step(county, move |county| Ok(county.rescue(permit.certificate(), &sealed)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a blob's address says of it.
#[derive(Deserialize)]
struct Said {
    file: FileId,
    section: Section,
    size: u64,
    #[serde(default)]
    from: u64,
}

type Asked = Result<Query<Said>, axum::extract::rejection::QueryRejection>;

fn piece(sha: &str, said: Asked) -> Result<Piece, Sorry> {
    let sha: Sha = sha.parse().or(Err(Sorry(Refusal::Malformed)))?;
    let Query(Said { file, section, size, from }) = said.or(Err(Sorry(Refusal::Malformed)))?;
    Ok(Piece { sha, file, section, size, from })
}

/// How much of a blob is here: a small question with a small answer.
async fn blob_stand(
    State(county): State<Arc<County>>,
    permit: Permit<Enrolled>,
    Extension(takers): Extension<Arc<Takers>>,
    Path(sha): Path<String>,
    said: Asked,
) -> Result<Json<Stand>, Sorry> {
    let piece = piece(&sha, said)?;
    takers.settle((permit.device(), piece.sha)).await;
    Ok(Json(step(county, move |county| Ok(county.blob_stand(permit.device(), &piece)?)).await?))
}

/// Who takes in which blob from whom now. A desk that asks anew has given its old flow up: what that one still holds is
/// written first, so that no byte which arrived is sent again.
#[derive(Default)]
struct Takers(Mutex<BTreeMap<(DeviceId, Sha), watch::Sender<bool>>>);

impl Takers {
    /// Ends who takes this blob in, if anybody does, and waits until it has written what it holds.
    async fn settle(&self, blob: (DeviceId, Sha)) {
        let taker = self.all().remove(&blob);
        if let Some(taker) = taker {
            taker.send_replace(true);
            // It holds the only receiver. A disk that takes longer costs bytes, not truth.
            timeout(SOON, taker.closed()).await.ok();
        }
    }

    /// Enters a new taker; hears when it should end.
    fn enter(&self, blob: (DeviceId, Sha)) -> watch::Receiver<bool> {
        let (end, ended) = watch::channel(false);
        let mut all = self.all();
        all.retain(|_, taker| !taker.is_closed());
        if let Some(other) = all.insert(blob, end) {
            other.send_replace(true);
        }
        ended
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<(DeviceId, Sha), watch::Sender<bool>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a blob's bytes from the offset that its address names. The answer begins at once and says line by line what is
/// safe, while the rest still arrives: so the desk knows where it stands however the line ends, and that it lives.
async fn put_blob(
    State(county): State<Arc<County>>,
    permit: Permit<Enrolled>,
    Extension(takers): Extension<Arc<Takers>>,
    Path(sha): Path<String>,
    said: Asked,
    bytes: Body,
) -> Result<Response, Sorry> {
    let piece = piece(&sha, said)?;
    if piece.size > MOST_BLOB {
        return Err(Sorry(Refusal::TooLarge));
    }
    let device = permit.device();
    takers.settle((device, piece.sha)).await;
    let asked = Arc::clone(&county);
    let stand = step(asked, move |county| Ok(county.blob_stand(device, &piece)?)).await?;
    let gap = !stand.kept && piece.from > stand.have;
    if gap {
        let stand = Stand { refused: Some(Refusal::Gap), ..stand };
        return Ok((StatusCode::CONFLICT, Json(stand)).into_response());
    }
    let (tell, told) = mpsc::channel(LINES);
    say(&tell, stand);
    if !stand.kept {
        // A task of its own: what has arrived is kept even if nobody waits for the answer any more.
        let ended = takers.enter((device, piece.sha));
        tokio::spawn(take_in(county, device, piece, Arriving::of(bytes), tell, ended));
    }
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::new(Lines(told))).into_response())
}

/// Puts a line into the answer. If it is full the desk reads none for now, and the next line tells more.
fn say(tell: &mpsc::Sender<Bytes>, stand: Stand) {
    if let Ok(mut line) = serde_json::to_vec(&stand) {
        line.push(b'\n');
        tell.try_send(line.into()).ok();
    }
}

/// Keeps a blob's bytes as they come: after [`SOON`] on a slow line, by [`MUCH`] on a quick one, and whatever is left when
/// the line breaks. Whenever some come it says so, at most each [`OFTEN`]: a desk must not take one lost answer for the
/// end of the line.
async fn take_in(
    county: Arc<County>,
    device: DeviceId,
    piece: Piece,
    mut arriving: Arriving,
    tell: mpsc::Sender<Bytes>,
    mut ended: watch::Receiver<bool>,
) {
    let mut from = piece.from;
    let mut fresh: Vec<u8> = Vec::new();
    let mut due: Option<Instant> = None;
    let mut stand = Stand { have: piece.from, ..Stand::default() };
    let mut said = Instant::now();
    loop {
        // The server's end is one, too.
        let end = *ended.borrow() || ended.has_changed().is_err();
        let next = if end {
            // What has arrived by now and no more.
            arriving.next(Some(Instant::now() + BRIEF)).await
        } else {
            tokio::select! {
                next = arriving.next(due) => next,
                _ = ended.changed() => continue,
            }
        };
        let now = Instant::now();
        let last = match &next {
            Ok(Next::Bytes(bytes)) => {
                due.get_or_insert(now + SOON);
                fresh.extend_from_slice(bytes);
                false
            }
            Ok(Next::Nothing) => end,
            Ok(Next::End) | Err(_) => true,
        };
        let write = last || fresh.len() >= MUCH || due.is_some_and(|due| due <= now);
        if write && !(fresh.is_empty() && piece.size > 0) {
            let bytes = std::mem::take(&mut fresh);
            due = None;
            let place = Piece { from, ..piece };
            from = from.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            let taken = step(Arc::clone(&county), move |county| Ok(county.take_blob(device, &place, &bytes)?)).await;
            stand = taken.unwrap_or_else(|Sorry(refusal)| Stand { refused: Some(refusal), ..Stand::default() });
            said = now;
            say(&tell, stand);
            if stand.kept || stand.refused.is_some() {
                return;
            }
        } else if now >= said + OFTEN {
            said = now;
            say(&tell, stand);
        }
        if last {
            return;
        }
    }
}

async fn blob(
    State(county): State<Arc<County>>,
    permit: Permit<Enrolled>,
    Path(sha): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Sorry> {
    let sha: Sha = sha.parse().or(Err(Sorry(Refusal::Malformed)))?;
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok()).and_then(range);
    let kept = step(county, move |county| {
        let (from, count) = range.unwrap_or((0, None));
        Ok(county.blob(permit.device(), sha, from, count)?)
    })
    .await?;
    let PaperPart { bytes, from, size } = kept;
    let types = [(CONTENT_TYPE, "application/octet-stream"), (ACCEPT_RANGES, "bytes")];
    if range.is_none() || bytes.is_empty() {
        return Ok((types, bytes).into_response());
    }
    let last = from.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX)).saturating_sub(1);
    let place = [(CONTENT_RANGE, format!("bytes {from}-{last}/{size}"))];
    Ok((StatusCode::PARTIAL_CONTENT, types, place, bytes).into_response())
}

/// Offset and count of `bytes=FROM-` or `bytes=FROM-LAST`; any other range is as good as none.
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (from, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let from: u64 = from.parse().ok()?;
    if last.is_empty() {
        return Some((from, None));
    }
    let last: u64 = last.parse().ok()?;
    Some((from, Some(last.checked_sub(from)?.saturating_add(1))))
}

async fn nothing() -> Sorry {
    Sorry(Refusal::NotFound)
}
