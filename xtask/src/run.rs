//! `run`: the demo county and its window, from nothing, in one clear row of steps.
//!
//! It makes `./demo-home` once and keeps it, with what a person does in it; it must never touch a home
//! that is no demo, and everything it starts ends with it.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::check::WHOLE;
use crate::halt::Halt;
use crate::place::Place;
use crate::process::{Companion, cargo, command, must};
use crate::steps::Steps;
use crate::{toolset, ui};

/// What each demo home opens with, as `desk demo` made it; it protects invented people only.
const PASSPHRASE: &str = "demo-home-2026";
/// Where the demo county listens; the invitations of the demo name it.
const COUNTY: &str = "127.0.0.1:8443";
/// Where the browser's desk listens when that port is free.
const BROWSER: &str = "127.0.0.1:7878";

/// The people of the demo: the flag that chooses one, the folder of the desk, and who it is.
const PEOPLE: &[(&str, &str, &str, &str)] = &[
    ("--director", "director", "the school director with three villages", "学校主任，三个村"),
    ("--clerk", "clerk", "the township clerk of the same villages", "乡镇经办，同三个村"),
    ("--county-desk", "county-desk", "the county desk that imported the list", "县中心，导入名单的电脑"),
    ("--head", "head-desk", "the head of the county centre", "县中心负责人"),
];

/// The flags that `run` knows.
pub(crate) const FLAGS: &[&str] = &["--browser", "--director", "--clerk", "--county-desk", "--head"];

/// Installs, builds, makes the demo county if there is none, and opens one of its desks.
pub(crate) fn run(place: &Place, flags: &[&str]) -> Result<(), Halt> {
    let (_, folder, who, who_zh) = person(flags)?;
    let mut steps = Steps::of(6);
    steps.next("installing build packages", "安装构建所需的系统软件");
    toolset::debian(place, &[toolset::BUILD, toolset::SHOW])?;
    steps.next("installing the ui's modules", "安装界面依赖");
    toolset::node(place)?;
    steps.next("building the ui", "构建界面");
    ui::build(place)?;
    steps.next("building the programs", "编译程序（首次较久）");
    must(cargo(place.root()).arg("build").args(WHOLE).arg("--bins"), "building the programs")?;

    steps.next("the demo county in ./demo-home", "演示县（首次约一两分钟）");
    must(
        command(place.debug_binary("desk"), place.root())
            .args(["demo", "--assets", "assets", "--home"])
            .arg(place.demo_home())
            .arg("--county")
            .arg(place.debug_binary("county")),
        "making the demo county",
    )?;
    // The demo plays on its own day, which it left there.
    let ready = place.demo_home().join("ready");
    let moment = std::fs::read_to_string(&ready).map_err(Halt::disk(&ready))?;
    let demo = Demo { place, moment: moment.trim().to_owned(), home: folder };
    let _county = demo.county()?;
    println!("  the county master listens on {COUNTY}  县级主机已启动");

    let browser = flags.contains(&"--browser");
    if !browser && has_display() {
        steps.next("the window; closing it ends everything", "打开窗口；关掉窗口即全部结束");
        println!("  as {who}  身份: {who_zh}");
        demo.window()
    } else {
        steps.next("the desk in a browser; Ctrl+C ends everything", "在浏览器里打开；按 Ctrl+C 全部结束");
        if !browser {
            println!(
                "  There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window can open.\n  \
                 The same desk is served to a browser on this machine instead.  没有显示器，改用浏览器。"
            );
        }
        println!("  as {who}  身份: {who_zh}");
        demo.browser()
    }
}

/// The person whose flag stands there; without one, the director.
fn person(flags: &[&str]) -> Result<(&'static str, &'static str, &'static str, &'static str), Halt> {
    let mut chosen = PEOPLE.iter().filter(|(flag, ..)| flags.contains(flag));
    match (chosen.next(), chosen.next(), PEOPLE.first()) {
        (Some(_), Some(_), _) => Err(Halt::say("choose one person of the demo, not two", "一次只能选一个身份")),
        (Some(one), None, _) | (None, _, Some(one)) => Ok(*one),
        (None, _, None) => Err(Halt::say("the demo has no people", "演示里没有人")),
    }
}

/// A made demo, and which of its homes is opened.
struct Demo<'a> {
    place: &'a Place,
    moment: String,
    home: &'static str,
}

impl Demo<'_> {
    /// Starts the county master and waits until it says that it listens.
    fn county(&self) -> Result<Companion, Halt> {
        let mut county = Companion::start(self.place.debug_binary("county"), self.place.root(), |command| {
            command
                .args(["serve", "--listen", COUNTY, "--clock", &self.moment, "--home"])
                .arg(self.place.demo_home().join("county"))
                .stdout(Stdio::piped());
        })?;
        match told(&mut county, "listening") {
            Some(_) => Ok(county),
            None => Err(Halt::say(
                format!("the county master does not listen on {COUNTY}; is another demo still running?"),
                "县级主机没有启动，是不是另一个演示还开着",
            )),
        }
    }

    /// The window, until it is closed.
    fn window(&self) -> Result<(), Halt> {
        let mut window = Companion::start(self.place.debug_binary("ruhu"), self.place.root(), |command| {
            self.opened(command.arg("--practice"));
            // A window that WebKit draws by DMA buffers stays blank on many virtual and remote screens.
            if std::env::var_os("WEBKIT_DISABLE_DMABUF_RENDERER").is_none() {
                command.env("WEBKIT_DISABLE_DMABUF_RENDERER", "1");
            }
            // Without a session bus there is no reader of the screen to wait for.
            if std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_none() {
                command.env("NO_AT_BRIDGE", "1");
            }
        })?;
        ended(&mut window, "the window")
    }

    /// The same desk over loopback HTTP, until Ctrl+C.
    fn browser(&self) -> Result<(), Halt> {
        // Port 0 takes a free one where the usual one is taken.
        let listen = TcpListener::bind(BROWSER).map_or("127.0.0.1:0", |_free| BROWSER);
        let mut serving = Companion::start(self.place.debug_binary("desk"), self.place.root(), |command| {
            command.args(["serve", "--listen", listen, "--ui"]).arg(self.place.ui().join("dist"));
            self.opened(command);
            command.stdout(Stdio::piped()).stderr(Stdio::inherit());
        })?;
        let address = told(&mut serving, "serving")
            .ok_or_else(|| Halt::say("the desk for the browser did not start", "浏览器用的服务没有启动"))?;
        println!("\n  Open in a browser on this machine  请在本机浏览器打开:\n  {address}\n");
        ended(&mut serving, "the desk for the browser")
    }

    /// The home, its day and what opens it; the passphrase goes by the environment, which no list of processes shows.
    fn opened<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .arg("--home")
            .arg(self.place.demo_home().join(self.home))
            .args(["--clock", &self.moment])
            .env("RUHU_PASSPHRASE", PASSPHRASE)
    }
}

/// The text under `key` of the JSON object that a companion says first.
fn told(companion: &mut Companion, key: &str) -> Option<String> {
    let line = companion.first_line()?;
    let said: Value = serde_json::from_str(&line).ok()?;
    said.get(key)?.as_str().map(str::to_owned)
}

fn ended(companion: &mut Companion, what: &str) -> Result<(), Halt> {
    let status = companion.wait()?;
    if status.success() { Ok(()) } else { Err(Halt::Failed { what: what.to_owned(), code: status.code() }) }
}

/// Whether a window can be shown here at all.
fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Removes the demo county, and nothing that does not carry its mark.
pub(crate) fn clean_demo(place: &Place) -> Result<(), Halt> {
    remove_demo(&place.demo_home())?;
    println!("demo-home is gone  演示数据已删除");
    Ok(())
}

fn remove_demo(home: &Path) -> Result<(), Halt> {
    if !home.exists() {
        return Ok(());
    }
    if !home.join("demo").is_file() {
        return Err(Halt::say(
            "./demo-home does not carry the mark of a demo; it stays",
            "这个文件夹不是演示数据，没有删除",
        ));
    }
    std::fs::remove_dir_all(home).map_err(Halt::disk(home))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_at_a_time() {
        assert_eq!(person(&["--browser"]).unwrap().1, "director");
        assert_eq!(person(&["--county-desk"]).unwrap().1, "county-desk");
        assert!(person(&["--clerk", "--head"]).is_err());
        for (flag, ..) in PEOPLE {
            assert!(FLAGS.contains(flag), "{flag}");
        }
    }

    #[test]
    fn only_a_demo_is_removed() {
        let folder = std::env::temp_dir().join(format!("ruhu-xtask-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert!(remove_demo(&folder).is_err());
        assert!(folder.exists());
        std::fs::write(folder.join("demo"), "").unwrap();
        remove_demo(&folder).unwrap();
        assert!(!folder.exists());
        remove_demo(&folder).unwrap();
    }
}
