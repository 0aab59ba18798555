//! The window: one desk behind a webview. It carries calls to the door and bytes back, and hands kept PDFs to the
//! machine's printer. No rule may live here, no word about a family, no file of its own.
#![expect(clippy::let_underscore_must_use, reason = "Tauri's command macro writes such a let for each async command")]
#![cfg_attr(windows, windows_subsystem = "windows")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::Arc;

use clap::Parser;
use desk::Reader;
use desk::api::Answer;
use desk::background::Background;
use desk::clock::Clock;
use desk::door::{Door, DoorOptions};
use desk::failure::Failure;
use desk::keyring::SystemKeyring;
use serde::Serialize;
use tauri::ipc::Response;
use tauri::webview::NewWindowResponse;
use tauri::{App, Manager, State, Url, WebviewWindowBuilder};

/// 入户通: the window of a desk.
#[derive(Debug, Parser)]
#[command(version)]
struct Asked {
    /// The home's folder; left out, this account's own.
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// A home made now is for practice.
    #[arg(long)]
    practice: bool,
    /// A practice clock's start, RFC 3339; only a practice home takes one.
    #[arg(long, value_name = "MOMENT")]
    clock: Option<String>,
    /// Opens the home at once.
    #[arg(long, env = "RUHU_PASSPHRASE", hide_env_values = true, hide = true)]
    passphrase: Option<String>,
}

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
enum NoWindow {
    #[error("the clock is no RFC 3339 moment, such as 2026-12-08T08:30:00+08:00")]
    Clock,
    #[error("the window could not be opened")]
    Tauri(#[from] tauri::Error),
}

/// What the ui shows when a command did not do what was asked: the desk's own failure, or the shell's.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Refusal {
    Desk(Box<Failure>),
    Shell { code: &'static str, field: Option<String>, zh: &'static str, en: &'static str, incident: Option<String> },
}

impl Refusal {
    fn shell(code: &'static str, zh: &'static str, en: &'static str) -> Self {
        Self::Shell { code, field: None, zh, en, incident: None }
    }

    fn desk(failure: Failure) -> Self {
        Self::Desk(Box::new(failure))
    }

    fn stopped() -> Self {
        Self::shell(
            "DESK_SILENT",
            "这一步中途停了，没有做完。已经记下的都在，请再试一次。",
            "This stopped half-way and was not done. Everything kept is safe; try again.",
        )
    }
}

/// Work that may wait for the disk or the line stays off the window's own thread.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tauri::async_runtime::spawn_blocking(work).await.map_err(|_join: tauri::Error| Refusal::stopped())
}

/// Any call of `desk::api`, by name.
#[tauri::command]
async fn call(door: State<'_, Arc<Door>>, name: String, with: serde_json::Value) -> Result<Answer, Refusal> {
    let door = Arc::clone(&door);
    aside(move || door.call(&name, with)).await
}

/// The bytes of a kept file.
#[tauri::command]
async fn blob(door: State<'_, Arc<Door>>, sha256: String) -> Result<Response, Refusal> {
    let door = Arc::clone(&door);
    let (_media, bytes) = aside(move || door.blob(&sha256).map_err(Refusal::desk)).await??;
    Ok(Response::new(bytes))
}

/// A kept PDF goes to the default printer through a pipe, so that no copy stays on the disk.
#[tauri::command]
async fn print(door: State<'_, Arc<Door>>, sha256: String) -> Result<(), Refusal> {
    let door = Arc::clone(&door);
    aside(move || {
        let (_media, bytes) = door.blob(&sha256).map_err(Refusal::desk)?;
        if spooled(&bytes).unwrap_or(false) {
            Ok(())
        } else {
            Err(Refusal::shell(
                "NO_PRINTER",
                "没有送到打印机。请看打印机是否装好、打开、有纸，再按一次。纸上的号码不变。",
                "It did not reach a printer. See that one is set up, on and has paper, then press again. Numbers stay the same.",
            ))
        }
    })
    .await?
}

/// Whether the print system took the file. A4 is always named: its own default is Letter.
fn spooled(pdf: &[u8]) -> std::io::Result<bool> {
    let mut lp = Command::new("lp")
        .args(["-o", "media=iso_a4_210x297mm", "-t", "ruhu", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut pipe) = lp.stdin.take() {
        pipe.write_all(pdf)?;
    }
    Ok(lp.wait()?.success())
}

/// A text read as a value of the same kind as another: the desk's moments are read here without naming their crate.
fn like<T: FromStr>(_kind: &T, text: &str) -> Option<T> {
    text.parse().ok()
}

/// Where the webview's own traffic is sent: to nobody. The page's policy stops what a page may ask for; a hint such as
/// `preconnect` it does not, and the name in one could tell something. What the page gets comes by no line.
const NOWHERE: &str = "http://127.0.0.1:1";

/// Opens the one window. It stays with its own page: whatever a script in it tries, it goes nowhere and opens nothing.
fn window(app: &App) -> tauri::Result<()> {
    let config = app.config();
    let Some(main) = config.app.windows.first() else { return Err(tauri::Error::WindowNotFound) };
    let served = config.build.dev_url.clone().filter(|_| tauri::is_dev());
    let nowhere = NOWHERE.parse::<Url>().ok().filter(|_| !tauri::is_dev());
    let mut window =
        WebviewWindowBuilder::from_config(app, main)?.on_new_window(|_url, _features| NewWindowResponse::Deny);
    if let Some(nowhere) = nowhere {
        window = window.proxy_url(nowhere);
    }
    window.on_navigation(move |url| own(url, served.as_ref())).build()?;
    Ok(())
}

/// Whether an address is the page's own: that of the built ui, or of the server it comes from while it is worked on.
fn own(url: &Url, served: Option<&Url>) -> bool {
    let built = match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        "http" | "https" => url.host_str() == Some("tauri.localhost"),
        _ => false,
    };
    built || served.is_some_and(|served| served.origin() == url.origin())
}

fn main() -> Result<(), NoWindow> {
    desk::serve_if_asked();
    let asked = Asked::parse();
    let now = Clock::System.wall();
    let clock = match asked.clock.as_deref() {
        Some(text) => {
            let start = like(&now.civil(), text).ok_or(NoWindow::Clock)?;
            Some(now.plus(start.timestamp_millis().saturating_sub(now.0)))
        }
        None => None,
    };
    tauri::Builder::default()
        .setup(move |app| {
            let home = match asked.home {
                Some(home) => home,
                None => app.path().app_local_data_dir()?,
            };
            let keyring = SystemKeyring::wanted();
            let door = Door::new(DoorOptions { home, clock, practice: asked.practice, reader: Reader::own(), keyring });
            let door = Arc::new(door);
            if let Some(passphrase) = asked.passphrase {
                // A wrong one leaves the home locked: the window then asks, and says why when it is typed.
                let _locked_or_open = door.call("Unlock", serde_json::json!({ "passphrase": passphrase }));
            }
            // Lives as long as the app.
            app.manage(Background::begin(&door)?);
            app.manage(door);
            window(app)?;
            Ok(())
        })
        .invoke_handler(tauri::generate_handler![call, blob, print])
        .run(context())?;
    Ok(())
}

#[expect(clippy::disallowed_types, reason = "Tauri's own macro keeps the built ui in a map of its choice")]
fn context() -> tauri::Context {
    tauri::generate_context!()
}
