//! `check`: format, lints, types, licences and the rules of the tree, all of them even when one fails.
//!
//! It must change nothing in the tree but what is built and installed, and must never stop at the first
//! finding: a person fixes them in one go.

use std::process::ExitCode;

use crate::halt::Halt;
use crate::place::Place;
use crate::process::{cargo, command, must, status};
use crate::steps::Steps;
use crate::{codegen, tidy, toolset, ui};

/// Everything in one build: the whole workspace with one set of features, so that nothing is compiled
/// twice in different dress.
pub(crate) const WHOLE: &[&str] = &["--workspace", "--features", "ruhu/custom-protocol"];

/// Checks all, and says at the end what failed.
pub(crate) fn check(place: &Place) -> Result<ExitCode, Halt> {
    let mut failed: Vec<&str> = Vec::new();
    let mut steps = Steps::of(10);

    steps.next("installing build packages", "安装构建所需的系统软件");
    toolset::debian(place, &[toolset::BUILD])?;
    steps.next("installing the ui's modules", "安装界面依赖");
    toolset::node(place)?;
    steps.next("getting cargo-deny", "准备许可证检查工具");
    let deny = toolset::cargo_deny(place)?;
    steps.next("building the ui", "构建界面");
    ui::build_if_absent(place)?;

    let mut judge = |name: &'static str, passed: bool| {
        if !passed {
            failed.push(name);
        }
    };

    steps.next("format of the Rust code", "检查代码格式");
    // The names of the files are enough: `cargo fmt` mends them.
    judge(
        "format",
        status(cargo(place.root()).args(["fmt", "--all", "--check", "--", "--files-with-diff"]))?.success(),
    );

    steps.next("types and lints of the ui", "检查界面代码");
    judge("ui types", ui::script(place, "check")?);
    judge("ui lints", ui::script(place, "lint")?);

    steps.next("lints of the Rust code", "检查 Rust 代码");
    judge(
        "clippy",
        status(cargo(place.root()).arg("clippy").args(WHOLE).args(["--all-targets", "--", "-D", "warnings"]))?
            .success(),
    );

    steps.next("licences and sources", "检查许可证与来源");
    // Also what other platforms need: the licences are judged for all of them, from files on this disk.
    must(cargo(place.root()).args(["fetch", "--locked"]), "fetching the crates of the lock file")?;
    judge(
        "licences and sources",
        status(
            command(&deny, place.root())
                .args(["--offline", "check", "--hide-inclusion-graph"])
                .args(["licenses", "bans", "sources"]),
        )?
        .success(),
    );

    steps.next("rules of the tree", "检查目录与依赖规则");
    judge("rules of the tree", told(tidy::findings(place)?));

    steps.next("generated TypeScript is fresh", "检查生成的前端类型");
    judge("generated TypeScript", told(codegen::stale(place)?));

    steps.finish();
    if failed.is_empty() {
        println!("\nEverything checked is in order.  检查全部通过。");
        Ok(ExitCode::SUCCESS)
    } else {
        println!("\nNot in order  未通过: {}", failed.join(", "));
        Ok(ExitCode::FAILURE)
    }
}

/// Only the rules of the tree: a second's work before a commit.
pub(crate) fn tidy_alone(place: &Place) -> Result<ExitCode, Halt> {
    if told(tidy::findings(place)?) {
        println!("The tree is tidy.  目录与依赖符合规则。");
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::FAILURE)
    }
}

/// Prints the findings; `true` when there are none.
fn told(findings: Vec<String>) -> bool {
    for finding in &findings {
        println!("  {finding}");
    }
    findings.is_empty()
}
