//! The routes: bytes in, bytes out. Messages travel zstd-compressed; refusals as JSON with a fitting status. No rule of
//! the exchange stands here, and no body grows beyond its limit, compressed or inflated.

use std::io::Read as _;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{post, put};
use axum::{Extension, Json, Router};
use domain::enrol::{EnrolAsk, EnrolReply, Refusal, Refused};
use domain::exchange::{Hello, Message, Pull, Push};
use domain::ids::{DeviceId, FileId, Sha, unhex};
use domain::words::Section;
use serde::Deserialize;

use crate::blob::PaperPart;
use crate::county::County;
use crate::restore::Proof;
use crate::tls::Peer;

/// Most bytes of a message, compressed.
pub const MOST_MESSAGE: usize = 8 * 1024 * 1024;
/// Most bytes of a message, inflated.
pub const MOST_INFLATED: u64 = 64 * 1024 * 1024;
/// Most bytes of a paper.
pub const MOST_BLOB: usize = 20 * 1024 * 1024;
const MOST_ENROL: usize = 64 * 1024;
const LEVEL: i32 = 3;

/// Why bytes are no message.
#[derive(Debug, thiserror::Error)]
pub enum Unpacking {
    /// Not zstd.
    #[error("the bytes do not inflate")]
    Zstd(#[from] std::io::Error),
    /// More than [`MOST_INFLATED`].
    #[error("the message is too large")]
    TooLarge,
    /// Not this message.
    #[error("the message cannot be read")]
    Wire(#[from] domain::wire::WireFault),
}

/// A message as it travels.
///
/// # Errors
/// What zstd says.
pub fn pack<M: Message>(message: &M) -> Result<Vec<u8>, std::io::Error> {
    zstd::bulk::compress(&message.bytes(), LEVEL)
}

/// The message in these bytes; inflating stops at [`MOST_INFLATED`].
///
/// # Errors
/// [`Unpacking`].
pub fn unpack<M: Message>(bytes: &[u8]) -> Result<M, Unpacking> {
    let mut inflated = Vec::new();
    let most = MOST_INFLATED.saturating_add(1);
    zstd::stream::read::Decoder::with_buffer(bytes)?.take(most).read_to_end(&mut inflated)?;
    if u64::try_from(inflated.len()).is_ok_and(|n| n <= MOST_INFLATED) {
        Ok(M::parse(&inflated)?)
    } else {
        Err(Unpacking::TooLarge)
    }
}

/// The routes of a county. Each request must carry a [`Peer`].
pub(crate) fn router(county: Arc<County>) -> Router {
    Router::new()
        .route("/v1/enrol", post(enrol).layer(DefaultBodyLimit::max(MOST_ENROL)))
        .route("/v1/offer", post(offer))
        .route("/v1/hello", post(hello))
        .route("/v1/push", post(push))
        .route("/v1/pull", post(pull))
        .route("/v1/close", post(close))
        .route("/v1/blob/{sha}", put(put_blob).get(blob).layer(DefaultBodyLimit::max(MOST_BLOB)))
        .fallback(nothing)
        .method_not_allowed_fallback(nothing)
        .layer(DefaultBodyLimit::max(MOST_MESSAGE))
        .with_state(county)
}

/// A refusal on its way.
struct Sorry(Refusal);

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
            Refusal::BadProof | Refusal::NotAllowed => StatusCode::FORBIDDEN,
            Refusal::InvitationUnknown | Refusal::NotFound => StatusCode::NOT_FOUND,
            Refusal::PracticeMismatch | Refusal::OtherLog | Refusal::Forked => StatusCode::CONFLICT,
            Refusal::InvitationUsed | Refusal::InvitationExpired => StatusCode::GONE,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Unsealed => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::CountyTrouble => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(Refused { refused: self.0 })).into_response()
    }
}

type Body = Result<Bytes, BytesRejection>;

fn body(body: Body) -> Result<Bytes, Sorry> {
    body.map_err(|rejection| {
        let large = rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
        Sorry(if large { Refusal::TooLarge } else { Refusal::Malformed })
    })
}

/// Runs a step where it may block on the disk.
async fn step<T: Send + 'static>(
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
        Unpacking::TooLarge => Sorry(Refusal::TooLarge),
        Unpacking::Zstd(_) | Unpacking::Wire(_) => Sorry(Refusal::Malformed),
    })
}

/// One message in, one out, from an enrolled device.
async fn exchange<A: Message, B: Message>(
    county: Arc<County>,
    peer: Peer,
    bytes: Body,
    answer: impl FnOnce(&County, DeviceId, &A) -> Result<B, Refusal> + Send + 'static,
) -> Result<Response, Sorry> {
    let bytes = body(bytes)?;
    let packed = step(county, move |county| {
        let device = county.device_of(peer.0)?;
        let reply = answer(county, device, &heard(&bytes)?)?;
        pack(&reply).or(Err(Sorry(Refusal::CountyTrouble)))
    })
    .await?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], packed).into_response())
}

async fn enrol(
    State(county): State<Arc<County>>,
    Extension(peer): Extension<Peer>,
    bytes: Body,
) -> Result<Json<EnrolReply>, Sorry> {
    let ask: EnrolAsk = serde_json::from_slice(&body(bytes)?).or(Err(Sorry(Refusal::Malformed)))?;
    Ok(Json(step(county, move |county| Ok(county.enrol(peer.0, &ask)?)).await?))
}

/// Who presents itself: its id, and its key's signature over `domain::enrol::offer_bytes`, hexadecimal.
#[derive(Deserialize)]
struct Presented {
    device: DeviceId,
    proof: String,
}

async fn offer(
    State(county): State<Arc<County>>,
    Extension(peer): Extension<Peer>,
    presented: Result<Query<Presented>, axum::extract::rejection::QueryRejection>,
    bytes: Body,
) -> Result<StatusCode, Sorry> {
    let Query(presented) = presented.or(Err(Sorry(Refusal::Malformed)))?;
    let signature = unhex(&presented.proof).ok_or(Sorry(Refusal::Malformed))?;
    let proof = Proof { device: presented.device, signature };
    let bytes = body(bytes)?;
    step(county, move |county| Ok(county.offer(peer.0, &proof, &heard::<Push>(&bytes)?)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn hello(
    State(county): State<Arc<County>>,
    Extension(peer): Extension<Peer>,
    bytes: Body,
) -> Result<Response, Sorry> {
    exchange(county, peer, bytes, |county, device, hello: &Hello| county.hello(device, hello)).await
}

async fn push(
    State(county): State<Arc<County>>,
    Extension(peer): Extension<Peer>,
    bytes: Body,
) -> Result<Response, Sorry> {
    exchange(county, peer, bytes, |county, device, push: &Push| county.push(device, push)).await
}

async fn pull(
    State(county): State<Arc<County>>,
    Extension(peer): Extension<Peer>,
    bytes: Body,
) -> Result<Response, Sorry> {
    exchange(county, peer, bytes, |county, device, pull: &Pull| county.pull(device, pull)).await
}

async fn close(
    State(county): State<Arc<County>>,
    Extension(peer): Extension<Peer>,
    bytes: Body,
) -> Result<Response, Sorry> {
    exchange(county, peer, bytes, |county, device, pull: &Pull| county.close(device, pull)).await
}

#[derive(Deserialize)]
struct PlaceOfBlob {
    file: FileId,
    section: Section,
}

async fn put_blob(
    State(county): State<Arc<County>>,
    Extension(peer): Extension<Peer>,
    Path(sha): Path<String>,
    place: Result<Query<PlaceOfBlob>, axum::extract::rejection::QueryRejection>,
    bytes: Body,
) -> Result<StatusCode, Sorry> {
    let sha: Sha = sha.parse().or(Err(Sorry(Refusal::Malformed)))?;
    let Query(place) = place.or(Err(Sorry(Refusal::Malformed)))?;
    let bytes = body(bytes)?;
    step(county, move |county| {
        let device = county.device_of(peer.0)?;
        Ok(county.put_blob(device, sha, place.file, place.section, &bytes)?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn blob(
    State(county): State<Arc<County>>,
    Extension(peer): Extension<Peer>,
    Path(sha): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Sorry> {
    let sha: Sha = sha.parse().or(Err(Sorry(Refusal::Malformed)))?;
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok()).and_then(range);
    let kept = step(county, move |county| {
        let device = county.device_of(peer.0)?;
        let (from, count) = range.unwrap_or((0, None));
        Ok(county.blob(device, sha, from, count)?)
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
