//! `package`: the release build as a Debian package, by the Tauri tool that the ui's modules carry.
//!
//! It must never download a tool of its own: what the bundler needs is in the modules or in Debian.

use crate::halt::Halt;
use crate::place::Place;
use crate::process::{command, must};
use crate::steps::Steps;
use crate::{toolset, ui};

/// Builds the package and names the file.
pub(crate) fn package(place: &Place) -> Result<(), Halt> {
    let mut steps = Steps::of(4);
    steps.next("installing build packages", "安装构建所需的系统软件");
    toolset::debian(place, &[toolset::BUILD])?;
    steps.next("installing the ui's modules", "安装界面依赖");
    toolset::node(place)?;
    steps.next("building the ui", "构建界面");
    ui::build(place)?;
    steps.next("release build and package", "编译正式版并打包（较久）");
    // The ui stands built: the bundler is told to build nothing before.
    must(
        command(place.ui().join("node_modules/.bin/tauri"), &place.root().join("src-tauri"))
            .args(["build", "--ci", "--bundles", "deb"])
            .args(["--features", "custom-protocol"])
            .args(["--config", r#"{"build":{"beforeBuildCommand":null}}"#]),
        "building the package",
    )?;
    steps.finish();
    let folder = place.target().join("release/bundle/deb");
    let mut found = false;
    for entry in std::fs::read_dir(&folder).map_err(Halt::disk(&folder))? {
        let path = entry.map_err(Halt::disk(&folder))?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            found = true;
            println!("the package  安装包: {}", path.display());
        }
    }
    if found { Ok(()) } else { Err(Halt::say("the bundler left no package", "没有生成安装包")) }
}
