//! A child that was taken over: it gives up what a reader of foreign bytes gives up, then tries all that a thief would, and
//! prints what went through, a word a line. It must try nothing before it is confined, and harm nothing if it is not.
#![allow(clippy::print_stdout, reason = "its answer")]

use std::io::Write as _;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;

/// Something to try; whether it went through.
type Try<'a> = Box<dyn Fn() -> bool + 'a>;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let (Some(file), Some(port)) = (words.get(1), words.get(2).and_then(|port| port.parse::<u16>().ok())) else {
        return;
    };
    // Taken along from before, as a program's own open files are.
    let own = std::env::current_exe().ok();
    if words.get(3).is_none() {
        foreign::confine();
    }
    let beside = format!("{file}.made");
    let tries: Vec<(&str, Try<'_>)> = vec![
        ("read", Box::new(|| std::fs::read(file).is_ok())),
        ("write", Box::new(|| std::fs::write(&beside, b"x").is_ok())),
        ("list", Box::new(|| std::fs::read_dir("/").is_ok())),
        (
            "mode",
            Box::new(|| {
                use std::os::unix::fs::PermissionsExt as _;
                std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).is_ok()
            }),
        ),
        ("remove", Box::new(|| std::fs::remove_file(&beside).is_ok())),
        ("proc", Box::new(|| std::fs::read("/proc/self/environ").is_ok())),
        ("connect", Box::new(|| TcpStream::connect(("127.0.0.1", port)).is_ok())),
        ("listen", Box::new(|| TcpListener::bind("127.0.0.1:0").is_ok())),
        (
            "send",
            Box::new(|| UdpSocket::bind("127.0.0.1:0").and_then(|it| it.send_to(b"x", ("127.0.0.1", port))).is_ok()),
        ),
        ("run", Box::new(|| Command::new("true").status().is_ok())),
        ("again", Box::new(|| own.as_ref().is_some_and(|own| Command::new(own).status().is_ok()))),
        ("thread", Box::new(|| std::thread::Builder::new().spawn(|| ()).is_ok())),
        (
            "memory",
            Box::new(|| {
                let mut much: Vec<u8> = Vec::new();
                let got = much.try_reserve_exact(1 << 30).is_ok();
                drop(much);
                got
            }),
        ),
    ];
    let through: Vec<&str> = tries.iter().filter(|(_, act)| act()).map(|(word, _)| *word).collect();
    let mut out = std::io::stdout().lock();
    // Nobody who listens is a failure of the test, which says so.
    let _told = writeln!(out, "{}", through.join(" ")).is_ok();
}
