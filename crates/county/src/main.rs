//! `county`: founding, inviting, serving and looking at a county master from a terminal. Each command prints one JSON
//! object; a failure is one sentence on standard error and a non-zero exit. No rule of the exchange stands here.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::NaiveDate;
use clap::{Parser, Subcommand};
use county::{Clock, County, Founding, Invite};
use domain::clock::Millis;
use domain::ids::{BundleId, DeviceId, PersonId};
use domain::place::PlaceCode;
use domain::words::Role;
use serde_json::json;

/// The county master of Ruhu: it verifies, stores and forwards what desks have sealed.
///
/// 县级主机：核验、保存并转发各台电脑签名的记录。
#[derive(Parser)]
#[command(name = "county", version)]
struct Command {
    #[command(subcommand)]
    order: Order,
}

#[derive(Subcommand)]
enum Order {
    /// Found a county in a new home: ledger, keys, TLS certificate. Protect the disk it stands on.
    Init {
        /// Folder of the county, made if it is not there.
        #[arg(long)]
        home: PathBuf,
        /// Name of the county, e.g. 青石县.
        #[arg(long)]
        name: String,
        /// A county for practice or demo: it may be given a clock, and real desks refuse it.
        #[arg(long)]
        practice: bool,
        /// Name or address, besides localhost, under which desks reach it. May be repeated.
        #[arg(long = "host")]
        hosts: Vec<String>,
    },
    /// Make an invitation for one device of a person. Works while the county is served.
    Invite {
        /// Folder of the county.
        #[arg(long)]
        home: PathBuf,
        /// Account: 1-32 of a-z 0-9 . _ -, starting with a letter.
        #[arg(long, value_parser = account)]
        account: PersonId,
        /// The person's name.
        #[arg(long)]
        name: String,
        /// What the account may do, e.g. SCHOOL_DIRECTOR.
        #[arg(long, value_parser = role)]
        role: Role,
        /// Code of a township or village whose families the role sees without assignment. May be repeated.
        #[arg(long = "area", value_parser = area)]
        areas: Vec<PlaceCode>,
        /// Where desks reach this county, e.g. https://127.0.0.1:8443
        #[arg(long)]
        address: String,
        /// How many days the invitation is good.
        #[arg(long, default_value_t = 14)]
        days: u16,
        /// Practice counties: the device comes in only after `confirm`, as in real counties always.
        #[arg(long)]
        words: bool,
        /// The day on which the person was trained, e.g. 2026-11-20. Outside practice no account opens without both days.
        #[arg(long, requires = "undertaking")]
        trained: Option<NaiveDate>,
        /// The day on which the person signed the undertaking of confidentiality. 签订保密承诺的日期。
        #[arg(long, requires = "trained")]
        undertaking: Option<NaiveDate>,
        /// The moment that it is to be, RFC 3339 (practice counties only).
        #[arg(long, value_parser = moment)]
        clock: Option<Millis>,
    },
    /// The devices that wait to be let in, each with the six words that must stand on its screen. Works while the county is
    /// served.
    ///
    /// 等待核对的电脑：逐台列出屏幕上应有的六个词。
    Waiting {
        /// Folder of the county. 县级主机所在文件夹。
        #[arg(long)]
        home: PathBuf,
    },
    /// Let a waiting device in, after its person has read the six words from its screen to you.
    ///
    /// 放行：请对方在电话里念屏幕上的六个词，照听到的填，对上了才放行。
    Confirm {
        /// The device, as `waiting` names it. 设备编号。
        device: DeviceId,
        /// The words as you heard them. 听到的六个词。
        #[arg(long)]
        words: String,
        /// Folder of the county. 县级主机所在文件夹。
        #[arg(long)]
        home: PathBuf,
    },
    /// Send a waiting device away; its invitation is good for nobody any more.
    ///
    /// 不放行：这台电脑不对，邀请一并作废。
    Dismiss {
        /// The device, as `waiting` names it. 设备编号。
        device: DeviceId,
        /// Folder of the county. 县级主机所在文件夹。
        #[arg(long)]
        home: PathBuf,
    },
    /// Give a person who is here another role or other areas. All desks learn of it at their next contact.
    ///
    /// 调岗：改岗位或片区，各台电脑下次联系时生效。
    Role {
        /// Folder of the county. 县级主机所在文件夹。
        #[arg(long)]
        home: PathBuf,
        /// The account. 账号。
        #[arg(long, value_parser = account)]
        account: PersonId,
        /// What the account may do, e.g. SCHOOL_DIRECTOR. 岗位。
        #[arg(long, value_parser = role)]
        role: Role,
        /// Code of a township or village. May be repeated. 片区代码。
        #[arg(long = "area", value_parser = area)]
        areas: Vec<PlaceCode>,
        /// The moment that it is to be, RFC 3339 (practice counties only).
        #[arg(long, value_parser = moment)]
        clock: Option<Millis>,
    },
    /// A person leaves, or a laptop is lost: none of the account's devices may speak to the county any more.
    ///
    /// 停用：离岗或电脑丢失，这个账号的电脑都不能再联系县里。
    Revoke {
        /// Folder of the county. 县级主机所在文件夹。
        #[arg(long)]
        home: PathBuf,
        /// The account. 账号。
        #[arg(long, value_parser = account)]
        account: PersonId,
        /// The moment that it is to be, RFC 3339 (practice counties only).
        #[arg(long, value_parser = moment)]
        clock: Option<Millis>,
    },
    /// What came from laptops that are lost: kept sealed, and counts for nothing. With --take its records are kept as held
    /// ones, each of which waits for the head's decision; run it again for photos of what was let through.
    ///
    /// 隔离区：报失电脑交来的数据包。取出后每一条都作“待放行”，由中心负责人逐条决定。
    Quarantine {
        /// Folder of the county. 县级主机所在文件夹。
        #[arg(long)]
        home: PathBuf,
        /// The bundle to take in, as the list names it. 要取出的数据包。
        #[arg(long)]
        take: Option<BundleId>,
        /// The moment that it is to be, RFC 3339 (practice counties only).
        #[arg(long, value_parser = moment)]
        clock: Option<Millis>,
    },
    /// Serve the county over HTTPS until Ctrl+C or SIGTERM.
    Serve {
        /// Folder of the county.
        #[arg(long)]
        home: PathBuf,
        /// Address and port; port 0 takes a free one.
        #[arg(long)]
        listen: String,
        /// The moment from which its clock runs, RFC 3339 (practice counties only).
        #[arg(long, value_parser = moment)]
        clock: Option<Millis>,
    },
    /// Copy the county into a new folder while it is served, open the copy elsewhere and compare it. Only then are desks
    /// told that their work is in a backup. The folder holds the county's keys: lock it away.
    ///
    /// 备份：复制、在别处打开并逐条核验，通过后各台电脑才显示“已备份”。备份内含密钥，请妥善保管。
    Backup {
        /// Folder of the county. 县级主机所在文件夹。
        #[arg(long)]
        home: PathBuf,
        /// New folder for the backup. 备份存放的新文件夹。
        #[arg(long)]
        to: PathBuf,
    },
    /// Go on from a backup in a new folder, after verifying it. What desks hold beyond it comes back at their next contact.
    /// Never serve the old county again.
    ///
    /// 恢复：从备份继续。备份之后的记录，各台电脑下次联系时自动补回。原主机不得再启用。
    Restore {
        /// Folder of the backup. 备份所在文件夹。
        #[arg(long)]
        from: PathBuf,
        /// New folder of the county. 县级主机的新文件夹。
        #[arg(long)]
        home: PathBuf,
    },
    /// Bundles on a stick: take in what desks wrote, write what they are to receive. Works while the county is served.
    ///
    /// U盘数据包：收取各台电脑写的，写出给它们的。
    Bundle {
        #[command(subcommand)]
        what: Carrying,
    },
    /// Show log, head and counts.
    Status {
        /// Folder of the county.
        #[arg(long)]
        home: PathBuf,
    },
}

#[derive(Subcommand)]
enum Carrying {
    /// Take in a bundle, or all of a folder that are for the county; then write the answers beside them. The stick goes
    /// back to whoever brought it.
    ///
    /// 收取数据包并在同一处写好回件，U盘交还来人即可。
    In {
        /// A bundle, or the folder of a stick. 数据包文件，或U盘文件夹。
        path: PathBuf,
        /// Folder of the county. 县级主机所在文件夹。
        #[arg(long)]
        home: PathBuf,
        /// Write the answers into this folder instead. 回件写到另一个文件夹。
        #[arg(long)]
        answers: Option<PathBuf>,
        /// The moment that it is to be, RFC 3339 (practice counties only).
        #[arg(long, value_parser = moment)]
        clock: Option<Millis>,
    },
    /// Write the answer to the last bundle of a device once more, with all that has come since.
    ///
    /// 给一台电脑再写一次回件（含最新内容）。
    Out {
        /// The device, as `bundle in` names it. 设备编号。
        device: DeviceId,
        /// The folder of the stick. U盘文件夹。
        folder: PathBuf,
        /// Folder of the county. 县级主机所在文件夹。
        #[arg(long)]
        home: PathBuf,
        /// The moment that it is to be, RFC 3339 (practice counties only).
        #[arg(long, value_parser = moment)]
        clock: Option<Millis>,
    },
}

/// Exit code for a backup that does not verify.
const UNSOUND: u8 = 3;

/// What a command can fail of.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    County(#[from] county::CountyFault),
    #[error(transparent)]
    Serve(#[from] county::ServeFault),
    #[error("cannot listen on {listen}")]
    Listen { listen: String, source: std::io::Error },
    #[error("cannot run")]
    Runtime(#[source] std::io::Error),
    #[error("有 {0} 个数据包没有收下，原因见输出 / {0} bundles were not taken, see the report")]
    BundlesLeft(usize),
    #[error("cannot print")]
    Print(#[from] std::io::Error),
    #[error("cannot print")]
    Json(#[from] serde_json::Error),
}

#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("an account name is 1-32 of a-z 0-9 . _ -, starting with a letter")]
    Account,
    #[error("there is no such role; the roles are {0}")]
    Role(String),
    #[error("a place code has 6, 9 or 12 digits")]
    Area,
    #[error("a moment is written like 2026-12-08T09:00:00+08:00")]
    Moment,
}

fn account(text: &str) -> Result<PersonId, Wrong> {
    text.parse().or(Err(Wrong::Account))
}

fn role(text: &str) -> Result<Role, Wrong> {
    Role::of_code(text).ok_or_else(|| {
        let all: Vec<String> = Role::ALL.iter().map(|role| format!("{} ({})", role.code(), role.zh())).collect();
        Wrong::Role(all.join(", "))
    })
}

fn area(text: &str) -> Result<PlaceCode, Wrong> {
    text.parse().or(Err(Wrong::Area))
}

fn moment(text: &str) -> Result<Millis, Wrong> {
    chrono::DateTime::parse_from_rfc3339(text).map(|at| Millis(at.timestamp_millis())).or(Err(Wrong::Moment))
}

fn clock(given: Option<Millis>) -> Clock {
    given.map_or_else(Clock::system, Clock::practice)
}

fn print(object: &impl serde::Serialize) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(object)?)?;
    Ok(out.flush()?)
}

fn main() -> ExitCode {
    match run(Command::parse().order) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&sentence(&failure));
            // A backup that cannot be relied on is told apart from what only needs to be tried again.
            if matches!(failure, Failure::County(county::CountyFault::Unsound(_))) {
                ExitCode::from(UNSOUND)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// The whole chain of causes as one sentence.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !out.ends_with(&text) {
            out.push_str(": ");
            out.push_str(&text);
        }
        cause = error.source();
    }
    out
}

fn say(line: &str) {
    // With nowhere left to say it, the exit code remains.
    if writeln!(std::io::stderr(), "{line}").is_err() {}
}

fn run(order: Order) -> Result<(), Failure> {
    match order {
        Order::Init { home, name, practice, hosts } => {
            let county = County::init(&home, &Founding { name, practice, hosts }, Clock::system())?;
            print(&json!({
                "county": county.name(),
                "practice": county.practice(),
                "log": county.log(),
                "certificate": county.certificate(),
                "home": home,
            }))
        }
        Order::Invite {
            home,
            account,
            name,
            role,
            areas,
            address,
            days,
            words,
            trained,
            undertaking,
            clock: given,
        } => {
            let county = County::open(&home, clock(given))?;
            let words = words || !county.practice();
            let undertaking = trained.zip(undertaking);
            let (account_of, name_of) = (account.clone(), name.clone());
            let invite = Invite { account: account_of, name: name_of, role, areas, address, days, words, undertaking };
            let invited = county.invite(&invite)?;
            print(&json!({
                "invitation": invited.code.to_string(),
                "account": account,
                "name": name,
                "role": role,
                "expires": invited.expires.rfc3339(),
                "words": words,
            }))
        }
        Order::Waiting { home } => print(&County::open(&home, Clock::system())?.waiting()?),
        Order::Confirm { device, words, home } => {
            County::open(&home, Clock::system())?.confirm(device, &words)?;
            print(&json!({ "confirmed": device }))
        }
        Order::Dismiss { device, home } => {
            County::open(&home, Clock::system())?.dismiss(device)?;
            print(&json!({ "dismissed": device }))
        }
        Order::Role { home, account, role, areas, clock: given } => {
            County::open(&home, clock(given))?.give_role(&account, role, &areas)?;
            print(&json!({ "account": account, "role": role, "areas": areas }))
        }
        Order::Revoke { home, account, clock: given } => {
            let revoked = County::open(&home, clock(given))?.revoke(&account)?;
            print(&json!({ "account": account, "revoked": revoked }))
        }
        Order::Quarantine { home, take, clock: given } => {
            let county = County::open(&home, clock(given))?;
            match take {
                Some(bundle) => print(&county.take_quarantined(bundle)?),
                None => print(&json!({ "quarantine": county.quarantine()? })),
            }
        }
        Order::Serve { home, listen, clock: given } => {
            let county = County::open(&home, clock(given))?
                .telling(|fault| say(&format!("county trouble: {}", sentence(fault))));
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            runtime.map_err(Failure::Runtime)?.block_on(listen_on(county, listen))
        }
        Order::Backup { home, to } => print(&County::open(&home, Clock::system())?.backup(&home, &to)?),
        Order::Restore { from, home } => print(&County::restore(&from, &home, Clock::system())?.status()?),
        Order::Bundle { what: Carrying::In { path, home, answers, clock: given } } => {
            let county = County::open(&home, clock(given))?;
            let beside = if path.is_dir() { Some(path.as_path()) } else { path.parent() };
            let answers = answers.or_else(|| beside.map(std::path::Path::to_owned)).unwrap_or_default();
            let report = county.bundles_in(&path, &answers)?;
            print(&report)?;
            // All that could be done is done; what could not is in the report, and a script sees that there is some.
            if report.left.is_empty() { Ok(()) } else { Err(Failure::BundlesLeft(report.left.len())) }
        }
        Order::Bundle { what: Carrying::Out { device, folder, home, clock: given } } => {
            print(&County::open(&home, clock(given))?.bundle_out(&folder, device)?)
        }
        Order::Status { home } => print(&County::open(&home, Clock::system())?.status()?),
    }
}

async fn listen_on(county: County, listen: String) -> Result<(), Failure> {
    let failed = |source| Failure::Listen { listen: listen.clone(), source };
    let listener = tokio::net::TcpListener::bind(&listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let asked = asked_to_stop()?;
    print(&json!({
        "listening": format!("https://{address}"),
        "county": county.name(),
        "practice": county.practice(),
        "log": county.log(),
        "certificate": county.certificate(),
    }))?;
    Ok(county::serve(Arc::new(county), listener, asked).await?)
}

/// Done when the process is asked to stop. Listens from the moment it is made.
#[cfg(unix)]
fn asked_to_stop() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Runtime)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Runtime)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Done when the process is asked to stop.
#[cfg(not(unix))]
fn asked_to_stop() -> Result<impl Future<Output = ()>, Failure> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without the signal, the process is ended from outside.
            std::future::pending::<()>().await;
        }
    })
}
