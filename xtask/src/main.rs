//! `cargo xtask`: everything a person or a build machine does with this repository, by one word each.
//!
//! It installs what a fresh Debian 12 with Rust and Node lacks, says each step before it takes it, and
//! stops with one sentence when it cannot go on. It must never hold a rule of the product, never need
//! more than the standard library and a JSON reader, and never hide a child's failure behind a zero.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program of the terminal speaks by printing")]
#![allow(clippy::disallowed_methods, reason = "steps are timed for the person who waits; no rule depends on it")]

mod bench;
mod check;
mod codegen;
mod counts;
mod halt;
mod package;
mod place;
mod planted;
mod process;
mod run;
mod steps;
mod test;
mod tidy;
mod toolset;
mod ui;

use std::process::ExitCode;

use halt::Halt;
use place::Place;

const HELP: &str = "\
cargo xtask WORD                                         用法

  run       the demo county and the window, from nothing   演示县与窗口
            --browser  the same in a browser               在浏览器里打开
            --director, --clerk, --county-desk, --head     选择演示身份
  test      everything that is tested                      全部测试
            --slow     the long campaigns too              含长时间测试
            --planted  the planted bugs too 也查植入的错误
  planted   the planted bugs alone; --sample: four       只查植入的错误
  check     format, lints, types, licences, tidiness       检查
  tidy      only the rules of the tree                     目录与依赖规则
  codegen   the TypeScript of the calls                    生成前端类型
  bench N   N = open, import, search, save, print, absorb, line, first, wait, sync, wire    测量
  package   the .deb                                       打安装包
  clean-demo  removes ./demo-home                          删除演示数据
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match obey(&words) {
        Ok(code) => code,
        Err(halt) => {
            eprintln!("\nxtask: {halt}");
            let mut cause = std::error::Error::source(&halt);
            while let Some(inner) = cause {
                eprintln!("  because: {inner}");
                cause = inner.source();
            }
            ExitCode::FAILURE
        }
    }
}

/// Does what the words say; an unknown word or flag is refused by name.
fn obey(words: &[String]) -> Result<ExitCode, Halt> {
    let Some((word, rest)) = words.split_first() else {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    };
    let place = Place::find()?;
    match word.as_str() {
        "run" => {
            let flags = flags(rest, run::FLAGS)?;
            run::run(&place, &flags).map(|()| ExitCode::SUCCESS)
        }
        "test" => {
            let flags = flags(rest, &["--slow", "--planted"])?;
            let wish = test::Wish { slow: flags.contains(&"--slow"), planted: flags.contains(&"--planted") };
            test::test(&place, &wish)
        }
        "planted" => {
            let flags = flags(rest, &["--sample"])?;
            let which = if flags.is_empty() { planted::Which::All } else { planted::Which::Sample };
            let counts = planted::caught(&place, which)?;
            println!("\n{}", counts.closing());
            Ok(if counts.good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        "check" => {
            flags(rest, &[])?;
            check::check(&place)
        }
        "tidy" => {
            flags(rest, &[])?;
            check::tidy_alone(&place)
        }
        "codegen" => {
            flags(rest, &[])?;
            codegen::write(&place).map(|()| ExitCode::SUCCESS)
        }
        "bench" => match rest {
            [name] if !name.starts_with('-') => bench::bench(&place, name).map(|()| ExitCode::SUCCESS),
            _ => Err(Halt::say(
                "bench takes one name: cargo xtask bench open | import | search | save | print | absorb | line | first | wait | sync | wire",
                "请写一个名字",
            )),
        },
        "package" => {
            flags(rest, &[])?;
            package::package(&place).map(|()| ExitCode::SUCCESS)
        }
        "clean-demo" => {
            flags(rest, &[])?;
            run::clean_demo(&place).map(|()| ExitCode::SUCCESS)
        }
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprint!("{HELP}");
            Err(Halt::say(format!("there is no word \"{word}\" here; the list above has all of them"), "没有这个命令"))
        }
    }
}

/// The flags given, all of them known; the first unknown one is named.
fn flags<'a>(given: &'a [String], known: &[&str]) -> Result<Vec<&'a str>, Halt> {
    given
        .iter()
        .map(|flag| {
            if known.contains(&flag.as_str()) {
                Ok(flag.as_str())
            } else {
                Err(Halt::say(format!("\"{flag}\" is not known to this word; see cargo xtask help"), "不认识这个选项"))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_flag_is_named() {
        let given = vec!["--slow".to_owned(), "--slwo".to_owned()];
        let halt = flags(&given, &["--slow"]).unwrap_err();
        assert!(halt.to_string().contains("--slwo"), "{halt}");
        assert_eq!(flags(&given[..1], &["--slow"]).unwrap(), ["--slow"]);
    }

    #[test]
    fn the_help_names_every_word() {
        for word in ["run", "test", "planted", "check", "tidy", "codegen", "bench", "package", "clean-demo"] {
            assert!(HELP.contains(&format!("\n  {word}")), "{word}");
        }
    }
}
