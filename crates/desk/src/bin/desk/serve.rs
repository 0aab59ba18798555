//! The ui in a browser of the same machine: POST /call/NAME, GET /blob/SHA256, and the built files.
//! Loopback only, and only for pages that it served itself: a foreign page in the same browser is refused by its origin,
//! and by a token in the address that only the person who started it knows.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path as Named, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use desk::api::Answer;
use desk::background::Background;
use desk::door::Door;
use desk::failure::{Code, Failure};

/// Why the browser's desk does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeFault {
    /// Not a loopback address.
    #[error("--listen {0}: only loopback addresses such as 127.0.0.1:7878")]
    NotLoopback(String),
    /// The ui is not built.
    #[error("there is no built ui in {0}: run `cargo xtask run`, or `npm run build` in ui/")]
    NoUi(PathBuf),
    /// The port is taken, or the like.
    #[error("cannot listen: {0}")]
    Listen(#[from] std::io::Error),
    /// No randomness.
    #[error("the machine gives no randomness: {0}")]
    Random(#[from] getrandom::Error),
}

#[derive(Clone)]
struct Shop {
    door: Arc<Door>,
    ui: PathBuf,
    token: String,
}

/// The cookie that the first page sets and every call must bring.
const COOKIE: &str = "ruhu_desk";
const CSP: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
                   font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; \
                   worker-src 'self' blob:";

/// Serves until the process ends.
pub(crate) fn run(door: Door, listen: &str, ui: &Path) -> Result<(), ServeFault> {
    let address: SocketAddr = listen.parse().map_err(|_told_otherwise| ServeFault::NotLoopback(listen.to_owned()))?;
    if !address.ip().is_loopback() {
        return Err(ServeFault::NotLoopback(listen.to_owned()));
    }
    if !ui.join("index.html").is_file() {
        return Err(ServeFault::NoUi(ui.to_owned()));
    }
    let token = domain::ids::hex(&desk::clock::random::<16>()?);
    let door = Arc::new(door);
    let _while_served = Background::begin(&door)?;
    let shop = Shop { door, ui: ui.to_owned(), token: token.clone() };
    let app = Router::new()
        .route("/call/{name}", post(call))
        .route("/blob/{sha}", get(blob))
        .fallback(get(file))
        .layer(DefaultBodyLimit::max(40 * 1024 * 1024))
        .with_state(shop);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind(address).await?;
        let at = listener.local_addr()?;
        println!("{}", serde_json::json!({ "serving": format!("http://{at}/?key={token}") }));
        eprintln!("打开 Open: http://{at}/?key={token}");
        axum::serve(listener, app).await?;
        Ok(())
    })
}

/// Whether a request comes from a page of ours: the cookie, and no foreign origin.
fn ours(shop: &Shop, headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let cookie = text(header::COOKIE)
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .any(|(name, value)| name == COOKIE && value == shop.token);
    let host = text(header::HOST);
    let loopback = host.starts_with("127.0.0.1") || host.starts_with("localhost") || host.starts_with("[::1]");
    let origin = text(header::ORIGIN);
    let same = origin.is_empty() || origin.strip_prefix("http://") == Some(host);
    cookie && loopback && same
}

fn refused() -> Response {
    (StatusCode::FORBIDDEN, "open the address that `desk serve` printed").into_response()
}

async fn call(
    State(shop): State<Shop>,
    Named(name): Named<String>,
    headers: HeaderMap,
    Json(with): Json<serde_json::Value>,
) -> Response {
    if !ours(&shop, &headers) {
        return refused();
    }
    // A page may hand in bytes, never a path of this machine.
    if names_a_path(&with) {
        let failure = Failure::new(Code::BadInput, &[("problem", "a browser hands in bytes, not a path")]);
        return Json(Answer::Fail(failure)).into_response();
    }
    let door = Arc::clone(&shop.door);
    match tokio::task::spawn_blocking(move || door.call(&name, with)).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => Json(Answer::Fail(Failure::internal(&error))).into_response(),
    }
}

fn names_a_path(with: &serde_json::Value) -> bool {
    match with {
        serde_json::Value::Object(fields) => fields.contains_key("path") || fields.values().any(names_a_path),
        serde_json::Value::Array(items) => items.iter().any(names_a_path),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => false,
    }
}

async fn blob(State(shop): State<Shop>, Named(sha): Named<String>, headers: HeaderMap) -> Response {
    if !ours(&shop, &headers) {
        return refused();
    }
    match shop.door.blob(&sha) {
        Ok((media, bytes)) => {
            let media = HeaderValue::from_str(&media).unwrap_or(HeaderValue::from_static("application/octet-stream"));
            ([(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], bytes)
                .into_response()
        }
        Err(failure) => (StatusCode::NOT_FOUND, Json(Answer::Fail(failure))).into_response(),
    }
}

async fn file(State(shop): State<Shop>, uri: axum::http::Uri) -> Response {
    let wanted = uri.path().trim_start_matches('/');
    let safe = wanted.split('/').all(|part| !part.is_empty() && part != ".." && !part.contains('\\'));
    let path = if wanted.is_empty() { shop.ui.join("index.html") } else { shop.ui.join(wanted) };
    if !wanted.is_empty() && !safe {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Ok(bytes) =
        tokio::task::spawn_blocking(move || std::fs::read(path)).await.unwrap_or_else(|error| Err(error.into()))
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let media = match wanted.rsplit('.').next() {
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("woff") => "font/woff",
        Some("json") => "application/json",
        Some("wasm") => "application/wasm",
        _ => "text/html; charset=utf-8",
    };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let key = format!("key={}", shop.token);
    if uri.query() == Some(key.as_str())
        && let Ok(cookie) =
            HeaderValue::from_str(&format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", shop.token))
    {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}
