//! `test`: every test there is, from a bare machine, closing on one line of counts.
//!
//! A failed test never hides the tests after it, and a run in which nothing ran is a failure. It must
//! never judge a test itself: the counts are the runners' own.

use std::process::{Command, ExitCode, Stdio};

use crate::check::WHOLE;
use crate::counts::Counts;
use crate::halt::Halt;
use crate::place::Place;
use crate::process::{Companion, cargo, listen, must};
use crate::steps::Steps;
use crate::{planted, toolset, ui};

/// What a person asked for beyond the ordinary tests.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    /// The long campaigns too: tests see `RUHU_SLOW=1`.
    pub(crate) slow: bool,
    /// Every bug of `tests/planted` is planted too.
    pub(crate) planted: bool,
}

/// Runs them all; the last line printed is `N passed, N failed`.
pub(crate) fn test(place: &Place, wish: &Wish) -> Result<ExitCode, Halt> {
    if wish.planted {
        planted::planted(place)?;
    }
    let mut counts = Counts::default();
    let mut steps = Steps::of(if wish.planted { 9 } else { 8 });

    steps.next("installing build and test packages", "安装构建和测试所需的系统软件");
    toolset::debian(place, &[toolset::BUILD, toolset::TEST])?;
    steps.next("installing the ui's modules", "安装界面依赖");
    toolset::node(place)?;

    steps.next("types and lints of the ui", "检查界面代码");
    for name in ["check", "lint"] {
        counts.add(Counts::default().ended(ui::script(place, name)?));
    }
    steps.next("unit tests of the ui", "界面单元测试");
    counts.add(ui::test(place)?);
    steps.next("building the ui", "构建界面");
    ui::build(place)?;

    steps.next("building the programs and their tests", "编译程序和测试（首次较久）");
    // Both at once: what only tests depend on changes features of what the programs stand on, the window's libraries
    // among them, and building the programs alone would compile all that a second time.
    must(cargo(place.root()).arg("build").args(WHOLE).args(["--bins", "--tests"]), "building the programs")?;

    steps.next("tests of the Rust code", "Rust 测试");
    counts.add(cargo_test(cargo(place.root()).arg("test").args(WHOLE).arg("--no-fail-fast"), wish)?);

    steps.next("a day's work in the real window", "真实窗口里走一遍");
    counts.add(window(place, wish)?);

    if wish.planted {
        steps.next("planted bugs are found", "植入的错误能被发现");
        counts.add(planted::caught(place, planted::Which::All)?);
    }

    steps.finish();
    if counts.passed == 0 && counts.failed == 0 {
        println!("\nNo test ran, which counts as a failure.  没有测试运行，视为失败。");
    }
    println!("\n{}", counts.closing());
    Ok(if counts.good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a `cargo test` and adds up its result lines; a run that failed otherwise counts one failure.
fn cargo_test(command: &mut Command, wish: &Wish) -> Result<Counts, Halt> {
    if wish.slow {
        command.env("RUHU_SLOW", "1");
    }
    let (counts, success) = result_lines(command)?;
    Ok(counts.ended(success))
}

/// The sum of the result lines of a `cargo test`, and whether it ended well.
pub(crate) fn result_lines(command: &mut Command) -> Result<(Counts, bool), Halt> {
    let mut counts = Counts::default();
    let status = listen(command, |line| {
        if let Some(more) = Counts::of_cargo_line(line) {
            counts.add(more);
        }
    })?;
    Ok((counts, status.success()))
}

/// The window journey on a display of its own, so that no person's screen is touched.
fn window(place: &Place, wish: &Wish) -> Result<Counts, Halt> {
    let mut screen = Companion::start("Xvfb", place.root(), |command| {
        command
            .args(["-displayfd", "1", "-screen", "0", "1366x768x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
    })?;
    let number = screen
        .first_line()
        .ok_or_else(|| Halt::say("the display for the window test (Xvfb) did not start", "测试用的显示没有启动"))?;
    cargo_test(
        cargo(place.root())
            .arg("test")
            .args(WHOLE)
            .args(["--test", "window", "--", "--test-threads=1"])
            .env("DISPLAY", format!(":{number}"))
            .env_remove("WAYLAND_DISPLAY")
            // WebKit draws nothing under Xvfb by way of DMA buffers, and there is no session bus.
            .env("WEBKIT_DISABLE_DMABUF_RENDERER", "1")
            .env("NO_AT_BRIDGE", "1"),
        wish,
    )
}
