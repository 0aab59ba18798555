//! The real window under a WebDriver, spoken to as a person acts: click, type, read what stands there, take pictures.
//! Everything waits for what it wants until a deadline; nothing here sleeps for a fixed time, reaches into the page's
//! own state, or leaves a process behind.

use std::cell::Cell;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::common::capabilities::desiredcapabilities::Capabilities;
use thirtyfour::error::WebDriverResult;
use thirtyfour::{By, WebDriver, WebElement};
use tokio::runtime::Runtime;

/// How long anything may take; a passphrase in an unoptimised build takes seconds.
const PATIENCE: Duration = Duration::from_secs(45);
/// How long to look away between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(40);
/// A picture with fewer colours shows no page.
const BLANK: usize = 40;

/// The full path of a program, or a failed test that says what installs it.
pub(crate) fn needed(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("the window journey needs the program {program}, which is not here: run `cargo xtask test`, which installs it")
    })
}

/// The folder of the pictures.
fn pictures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("window")
}

/// A process that ends, with all that it started, when dropped.
struct Started(Child);

impl Started {
    fn begin(command: &mut Command) -> Self {
        // A group of its own: the driver starts the window, and both must go.
        Self(command.process_group(0).stdin(Stdio::null()).spawn().expect("a program that was found starts"))
    }
}

impl Started {
    /// The living processes that it started, itself not among them.
    fn others(&self) -> Vec<u32> {
        let (own, group) = (self.0.id(), self.0.id().to_string());
        let processes = std::fs::read_dir("/proc").expect("the list of processes").flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
        let in_group = |number: &u32| {
            let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            // After the name in brackets: state, parent, group. A Z has ended.
            let rest: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
            rest.len() > 2 && rest[0] != "Z" && rest[2] == group
        };
        numbers.filter(|number| *number != own).filter(in_group).collect()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status().ok();
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The display that the window appears on: the one given, or one of its own.
pub(crate) struct Screen {
    name: String,
    _own: Option<Started>,
}

impl Screen {
    /// The given display, or a new one of 1366 by 768 dots.
    pub(crate) fn find() -> Self {
        match std::env::var("DISPLAY") {
            Ok(name) if !name.is_empty() => Self { name, _own: None },
            _ => Self::own(),
        }
    }

    fn own() -> Self {
        let mut own = Started::begin(
            Command::new(needed("Xvfb"))
                .args(["-displayfd", "1", "-screen", "0", "1366x768x24", "-nolisten", "tcp"])
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let stdout = own.0.stdout.take().expect("its output");
        let mut number = String::new();
        BufReader::new(stdout).read_line(&mut number).expect("its number");
        assert!(!number.trim().is_empty(), "Xvfb did not start a display; `cargo xtask test` installs all it needs");
        Self { name: format!(":{}", number.trim()), _own: Some(own) }
    }
}

/// One window at work.
pub(crate) struct Pane<'s> {
    // Fields drop in this order: the session is over before its driver ends.
    driver: Option<WebDriver>,
    runtime: Runtime,
    process: Started,
    screen: &'s Screen,
    size: Cell<(u32, u32)>,
}

impl<'s> Pane<'s> {
    /// Opens the window on a home, with a practice clock that shows `clock` (RFC 3339) now.
    pub(crate) fn open(screen: &'s Screen, home: &Path, clock: &str) -> Self {
        let binary = std::env::current_exe().expect("the test's own path").ancestors().nth(2).map(|at| at.join("ruhu"));
        let binary = binary.filter(|path| path.is_file()).unwrap_or_else(|| {
            panic!(
                "the window is not built: run `cargo xtask test`, or `cargo build -p ruhu --features custom-protocol`"
            )
        });
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let process = Started::begin(
            Command::new(needed("WebKitWebDriver"))
                .args([&format!("--port={port}"), "--host=127.0.0.1"])
                .env("DISPLAY", &screen.name)
                .env_remove("WAYLAND_DISPLAY")
                .env("TAURI_AUTOMATION", "true")
                .env("TAURI_WEBVIEW_AUTOMATION", "true")
                // WebKit draws nothing under Xvfb by way of DMA buffers, and there is no session bus.
                .env("WEBKIT_DISABLE_DMABUF_RENDERER", "1")
                .env("NO_AT_BRIDGE", "1")
                // What the webview remembers (language, size) is neither taken from nor left with the person at the machine.
                .envs(
                    ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"]
                        .map(|name| (name, home.with_file_name(name))),
                ),
        );
        // The HTTP client wants a TLS provider even where it speaks plainly to this machine.
        rustls::crypto::ring::default_provider().install_default().ok();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut wanted = Capabilities::new();
        let options = json!({ "binary": binary, "args": ["--home", home, "--practice", "--clock", clock] });
        wanted.set("webkitgtk:browserOptions", options).expect("a capability");
        let server = format!("http://127.0.0.1:{port}");
        let driver = until("the driver opens the window", || {
            runtime.block_on(async { WebDriver::new(&server, wanted.clone()).await }).map_err(|error| error.to_string())
        });
        let pane = Self { driver: Some(driver), runtime, process, screen, size: Cell::new((1366, 768)) };
        let address = pane.script("return location.href", json!([]));
        let address = address.as_str().unwrap_or_default();
        assert!(
            address.starts_with("tauri:"),
            "the window shows {address}: it was built without the ui; run `cargo build -p ruhu --features custom-protocol`"
        );
        pane
    }

    /// Closes the window and waits until the home is free.
    pub(crate) fn close(mut self) {
        let driver = self.driver.take().expect("an open window");
        self.runtime.block_on(driver.quit()).expect("the window closes");
        // The driver answers before the window's process has let go of the home.
        until("the window's process has ended", || match self.process.others() {
            left if left.is_empty() => Ok(()),
            left => Err(format!("still running: {left:?}")),
        });
    }

    /// Kills the window as a battery that comes to its end does, and waits until the home is free.
    pub(crate) fn kill(mut self) {
        for process in self.process.others() {
            Command::new("kill").args(["-KILL", &process.to_string()]).stderr(Stdio::null()).status().expect("kill");
        }
        until("the window's processes have ended", || match self.process.others() {
            left if left.is_empty() => Ok(()),
            left => Err(format!("still running: {left:?}")),
        });
        if let Some(driver) = self.driver.take() {
            // There is no session left that could be ended.
            self.runtime.block_on(driver.quit()).ok();
        }
    }

    fn driver(&self) -> &WebDriver {
        self.driver.as_ref().expect("an open window")
    }

    /// Runs a script of the test's own, which only looks.
    pub(crate) fn script(&self, script: &str, with: Value) -> Value {
        let with = with.as_array().expect("arguments").clone();
        let ran = self.runtime.block_on(self.driver().execute(script.to_owned(), with));
        ran.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    /// Does something to the first element of this name as soon as it lets it.
    fn act<T>(&self, what: &str, name: &str, mut act: impl AsyncFnMut(WebElement) -> WebDriverResult<T>) -> T {
        let selector = format!("[data-test=\"{name}\"]");
        self.until(&format!("to {what} {name}"), || {
            self.runtime
                .block_on(async { act(self.driver().find(By::Css(selector.as_str())).await?).await })
                .map_err(|error| error.to_string())
        })
    }

    /// Clicks.
    pub(crate) fn click(&self, name: &str) {
        self.act("click", name, async |element| element.click().await);
    }

    /// Types at the end of a field; into a file field goes a path.
    pub(crate) fn write(&self, name: &str, text: &str) {
        self.act("write into", name, async |element| element.send_keys(text).await);
    }

    /// Empties a field.
    pub(crate) fn empty(&self, name: &str) {
        self.act("empty", name, async |element| element.clear().await);
    }

    /// Chooses in a list of choices by what stands there.
    pub(crate) fn choose(&self, name: &str, part: &str) {
        self.act("choose from", name, async |element| {
            element.find(By::XPath(format!("./option[contains(., '{part}')]"))).await?.click().await
        });
    }

    /// What is to be read in the first element of this name, with single blanks.
    pub(crate) fn read(&self, name: &str) -> String {
        let text = self.act("read", name, async |element| element.prop("innerText").await);
        text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Waits until the element of this name reads as wanted; returns what it reads.
    pub(crate) fn wait(&self, name: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.until(&format!("{name} to read as wanted"), || {
            let text = self.read(name);
            if wanted(&text) { Ok(text) } else { Err(format!("it reads: {text}")) }
        })
    }

    /// Waits until the element of this name reads with all of these parts; returns what it reads.
    pub(crate) fn reads(&self, name: &str, parts: &[&str]) -> String {
        self.until(&format!("{name} to read {parts:?}"), || {
            let text = self.read(name);
            if parts.iter().all(|part| text.contains(part)) { Ok(text) } else { Err(format!("it reads: {text}")) }
        })
    }

    /// Waits until a script answers with something that is wanted; returns it.
    pub(crate) fn sees(&self, what: &str, script: &str, with: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
        self.until(what, || {
            let seen = self.script(script, with.clone());
            if wanted(&seen) { Ok(seen) } else { Err(format!("it is {seen}")) }
        })
    }

    /// Waits; on the deadline a picture of what stands there is kept and the test fails.
    fn until<T>(&self, what: &str, look: impl FnMut() -> Result<T, String>) -> T {
        match patiently(look) {
            Ok(done) => done,
            Err(last) => {
                let shown = self.capture("failed");
                panic!("waited in vain for {what}: {last} (picture: {})", shown.display());
            }
        }
    }

    /// Gives the window's content this size.
    pub(crate) fn size(&self, width: u32, height: u32) {
        self.runtime.block_on(self.driver().set_window_rect(0, 0, width, height)).expect("a window of that size");
        self.size.set((width, height));
        let size = json!([width, height]);
        self.sees("the window's size", "return [innerWidth, innerHeight]", &json!([]), |seen| *seen == size);
    }

    /// Keeps a picture of this moment as it stands on the display, and makes sure that it is not blank. The driver's own
    /// pictures never come where WebKit draws without DMA buffers, and would not show what a person sees.
    pub(crate) fn picture(&self, name: &str) {
        // What was changed last is drawn two frames later.
        let drawn = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))";
        self.runtime.block_on(self.driver().execute_async(drawn, vec![])).expect("a drawn page");
        let path = self.capture(name);
        let colours = colours(&path);
        assert!(colours > BLANK, "{} is blank: {colours} colours", path.display());
    }

    fn capture(&self, name: &str) -> PathBuf {
        std::fs::create_dir_all(pictures()).expect("a place for pictures");
        let path = pictures().join(format!("{name}.png"));
        let (width, height) = self.size.get();
        let done = Command::new(needed("import"))
            .args([
                "-display",
                &self.screen.name,
                "-window",
                "root",
                "-crop",
                &format!("{width}x{height}+0+0"),
                "+repage",
            ])
            .arg(&path)
            .status()
            .expect("a picture of the display");
        assert!(done.success(), "import made no picture of the display");
        path
    }
}

impl Drop for Pane<'_> {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            self.runtime.block_on(driver.quit()).ok();
        }
    }
}

/// Looks until it is there or patience ends; then what was wrong last.
fn patiently<T>(mut look: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let end = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(done) => return Ok(done),
            Err(last) if Instant::now() >= end => return Err(last),
            Err(_) => std::thread::sleep(LOOK_AGAIN),
        }
    }
}

/// Looks until it is there; a test waits no longer than its patience.
fn until<T>(what: &str, look: impl FnMut() -> Result<T, String>) -> T {
    patiently(look).unwrap_or_else(|last| panic!("waited in vain until {what}: {last}"))
}

/// How many colours a picture has, counted up to a few more than a blank one's.
fn colours(path: &Path) -> usize {
    let picture = image::open(path).expect("a picture").to_rgb8();
    let mut seen = std::collections::BTreeSet::new();
    for pixel in picture.pixels() {
        seen.insert(pixel.0);
        if seen.len() > BLANK {
            break;
        }
    }
    seen.len()
}
