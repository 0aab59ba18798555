//! Why a word stopped: one sentence for the person, with its cause beneath.
//!
//! Nothing in xtask decides by reading these words, and none of them may name a host or a machine's path.

use std::fmt;
use std::path::{Path, PathBuf};

/// The end of the road, with what a person needs to go on.
#[derive(Debug)]
pub(crate) enum Halt {
    /// A plain sentence, English and a short Chinese one beside it.
    Say { en: String, zh: String },
    /// A file or folder that would not be read or written.
    Disk { path: PathBuf, source: std::io::Error },
    /// A program that would not start or could not be heard.
    Start { program: String, source: std::io::Error },
    /// A program that ran and failed; it has said why itself, above.
    Failed { what: String, code: Option<i32> },
    /// JSON of another program that is not what it should be.
    Json { what: String, source: serde_json::Error },
}

impl Halt {
    /// A sentence that ends the run.
    pub(crate) fn say(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::Say { en: en.into(), zh: zh.into() }
    }

    /// For `map_err` on file work: keeps which path it was.
    pub(crate) fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { path, source }
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Say { en, zh } => write!(f, "{en}.  {zh}。"),
            Self::Disk { path, .. } => {
                write!(f, "the file or folder {} could not be used.  读写文件失败。", path.display())
            }
            Self::Start { program, .. } => {
                write!(f, "the program {program} could not be started.  程序无法启动。")
            }
            Self::Failed { what, code: Some(code) } => {
                write!(f, "{what} failed with exit code {code}; its own words stand above.  该步骤失败，原因见上。")
            }
            Self::Failed { what, code: None } => {
                write!(f, "{what} was ended by a signal.  该步骤被中断。")
            }
            Self::Json { what, .. } => {
                write!(f, "{what} is not the JSON it should be.  数据格式不对。")
            }
        }
    }
}

impl std::error::Error for Halt {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Disk { source, .. } | Self::Start { source, .. } => Some(source),
            Self::Json { source, .. } => Some(source),
            Self::Say { .. } | Self::Failed { .. } => None,
        }
    }
}
