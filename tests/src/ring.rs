//! A desktop's keyring for tests: the real one, on a bus of its own, in a folder that goes with it. It must never come near
//! the keyring of whoever runs the tests.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::folder::Folder;
use crate::program::spawn;

const PLAN: &str = r#"<busconfig>
  <type>session</type><listen/><auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>"#;

/// A keyring that runs, unlocked.
pub struct Ring {
    folder: Folder,
    bus: Child,
    daemon: Option<Child>,
    address: String,
}

impl Ring {
    /// What a test says where there is no keyring to start.
    pub const SKIPPED: &'static str = "skipped: needs dbus-daemon and gnome-keyring-daemon";

    /// A fresh one; `None` where the programs are not installed.
    ///
    /// # Panics
    /// When they are and do not start.
    pub fn started() -> Option<Self> {
        let there = |name: &str| Command::new(name).arg("--version").output().is_ok_and(|said| said.status.success());
        if !there("dbus-daemon") || !there("gnome-keyring-daemon") {
            return None;
        }
        let folder = Folder::fresh();
        // A bus that starts nobody by itself, neither this keyring nor another.
        let plan = folder.join("bus.conf");
        let listen = format!("<listen>unix:path={}</listen>", folder.join("bus").display());
        std::fs::write(&plan, PLAN.replace("<listen/>", &listen)).expect("a plan");
        let mut bus = spawn(
            Command::new("dbus-daemon")
                .args(["--nofork", "--print-address=1", &format!("--config-file={}", plan.display())])
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let mut address = String::new();
        BufReader::new(bus.stdout.take().expect("its output")).read_line(&mut address).expect("an address");
        let mut ring = Self { folder, bus, daemon: None, address: address.trim().to_owned() };
        ring.start();
        Some(ring)
    }

    /// Starts the keyring, with what it kept, and waits until it is heard on the bus.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&mut self) {
        let mut command = Command::new("gnome-keyring-daemon");
        command.args(["--foreground", "--components=secrets", "--unlock"]);
        self.envs(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut daemon = spawn(&mut command);
        let mut stdin = daemon.stdin.take().expect("its input");
        stdin.write_all(b"the login's password").expect("a password");
        drop(stdin);
        self.daemon = Some(daemon);
        let heard = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            self.heard()
        });
        assert!(heard, "the keyring is on the bus");
    }

    /// Ends the keyring: nobody answers from now on.
    pub fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().ok();
            daemon.wait().ok();
        }
    }

    /// Ends it, and all it kept is gone, as with a system that is installed anew.
    ///
    /// # Panics
    /// When that cannot be removed.
    pub fn start_empty(&mut self) {
        self.stop();
        std::fs::remove_dir_all(self.kept()).expect("nothing is kept");
        self.start();
    }

    /// The folder of what it keeps.
    pub fn kept(&self) -> std::path::PathBuf {
        self.folder.join("keyrings")
    }

    fn heard(&self) -> bool {
        let mut command = Command::new("dbus-send");
        command.args([
            "--session",
            "--print-reply",
            "--dest=org.freedesktop.secrets",
            "/org/freedesktop/secrets",
            "org.freedesktop.Secret.Service.ReadAlias",
            "string:default",
        ]);
        self.envs(&mut command);
        command.output().is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("/collection/"))
    }

    /// Lets a program use this keyring, for practice homes, too.
    pub fn envs<'command>(&self, command: &'command mut Command) -> &'command mut Command {
        let folder: &Path = self.folder.path();
        command
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .env("RUHU_KEYRING", "all")
            .envs(["HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"].map(|name| (name, folder)))
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.stop();
        self.bus.kill().ok();
        self.bus.wait().ok();
    }
}
