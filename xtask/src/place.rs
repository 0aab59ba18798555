//! Where things stand in this checkout: the root, the ui, what cargo built.
//!
//! It only names paths; it must never create or change one.

use std::path::{Path, PathBuf};

use crate::halt::Halt;

/// The checkout that xtask works on.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    root: PathBuf,
}

impl Place {
    /// The root: beside the manifest that cargo names, or the nearest folder above that holds `xtask/`.
    pub(crate) fn find() -> Result<Self, Halt> {
        if let Some(manifest) = std::env::var_os("CARGO_MANIFEST_DIR")
            && let Some(root) = Path::new(&manifest).parent()
        {
            return Ok(Self { root: root.to_owned() });
        }
        let here = std::env::current_dir().map_err(Halt::disk(Path::new(".")))?;
        here.ancestors()
            .find(|folder| folder.join("xtask/Cargo.toml").is_file())
            .map(|root| Self { root: root.to_owned() })
            .ok_or_else(|| Halt::say("call it inside the repository, as cargo xtask", "请在仓库目录里运行"))
    }

    /// The folder of the workspace manifest.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The ui's folder, with its `package.json`.
    pub(crate) fn ui(&self) -> PathBuf {
        self.root.join("ui")
    }

    /// The TypeScript made from the Rust calls.
    pub(crate) fn generated(&self) -> PathBuf {
        self.root.join("ui/src/api/gen")
    }

    /// The demo county that `run` makes once and then keeps.
    pub(crate) fn demo_home(&self) -> PathBuf {
        self.root.join("demo-home")
    }

    /// What cargo and the tools leave; never committed.
    pub(crate) fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from)
    }

    /// A binary of the dev profile.
    pub(crate) fn debug_binary(&self, name: &str) -> PathBuf {
        self.target().join("debug").join(name)
    }
}
