//! A county on loopback with its own clock, and the desks that joined it.
//!
//! A world can be put to sleep and woken as often as wanted: every waking is a copy of all homes at the same address,
//! so that many stories begin where one long preparation ended.

use std::cell::OnceCell;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use county::{Clock, County, Founding, Invite};
use domain::clock::Millis;
use domain::words::Role;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::folder::Folder;
use crate::list::{List, places_in};
use crate::program::assets;
use crate::seat::{PASSPHRASE, Seat, bytes};

/// The moment of an RFC 3339 text.
///
/// # Panics
/// When it is none.
pub fn moment(text: &str) -> Millis {
    Millis(chrono::DateTime::parse_from_rfc3339(text).expect("a moment").timestamp_millis())
}

/// A county that is being served.
struct Serving {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    fn begin(county: Arc<County>, listener: &TcpListener) -> Self {
        // A copy: the port stays ours while a world sleeps.
        let listener = listener.try_clone().expect("the listener");
        listener.set_nonblocking(true).expect("a listener for tokio");
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("the listener");
                let until = async {
                    stopped.await.ok();
                };
                county::serve(county, listener, until).await.expect("served");
            });
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().is_none_or(|thread| thread.join().is_ok());
        assert!(ended || std::thread::panicking(), "the county panicked");
    }
}

/// A county and the folder of all homes.
pub struct World {
    // Fields drop in this order: first the desk and the server, last their files.
    deputy: OnceCell<Seat>,
    serving: Option<Serving>,
    county: Arc<County>,
    listener: Option<Arc<TcpListener>>,
    address: String,
    clock: String,
    folder: Folder,
}

impl World {
    /// A practice county whose clock shows `clock` (RFC 3339) now.
    ///
    /// # Panics
    /// When it cannot be founded or served.
    pub fn at(clock: &str) -> Self {
        Self::with(clock, Clock::practice(moment(clock)))
    }

    /// A practice county with this clock; desks that join start at `clock` (RFC 3339).
    ///
    /// # Panics
    /// When it cannot be founded or served.
    pub fn with(clock: &str, county_clock: Clock) -> Self {
        Self::behind(clock, county_clock, "127.0.0.1", |at| format!("https://{at}"))
    }

    /// A practice county that listens on this host of the machine, and that desks reach where `way` says.
    ///
    /// # Panics
    /// When it cannot be founded or served.
    pub fn behind(clock: &str, county_clock: Clock, host: &str, way: impl FnOnce(SocketAddr) -> String) -> Self {
        let folder = Folder::fresh();
        let founding = Founding { name: "鲁山县".to_owned(), practice: true, hosts: Vec::new() };
        let county = County::init(&folder.join("county"), &founding, county_clock).expect("a county");
        let county = Arc::new(county.telling(|fault| eprintln!("county trouble: {fault:?}")));
        let listener = Arc::new(TcpListener::bind((host, 0)).expect("a port"));
        let serving = Some(Serving::begin(Arc::clone(&county), &listener));
        let address = way(listener.local_addr().expect("an address"));
        let deputy = OnceCell::new();
        Self { deputy, serving, county, listener: Some(listener), address, clock: clock.to_owned(), folder }
    }

    /// The county itself, for what has no call: bundles on sticks.
    pub fn county(&self) -> &County {
        &self.county
    }

    /// Where the county is reached.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The folder of all homes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the server and closes its port: whoever syncs now reaches nobody.
    pub fn silence(&mut self) {
        self.serving = None;
        self.listener = None;
    }

    /// Ends the county and opens it again from its disk, at the same port, also after it was silenced.
    ///
    /// # Panics
    /// When it does not open, or another program took the port meanwhile.
    pub fn restart(&mut self) {
        self.serving = None;
        let county =
            County::open(&self.folder.join("county"), Clock::practice(moment(&self.clock))).expect("the county");
        self.county = Arc::new(county.telling(|fault| eprintln!("county trouble: {fault:?}")));
        let address = &self.address;
        let bind = || {
            let at = address.trim_start_matches("https://");
            Arc::new(TcpListener::bind(at).expect("the port is free"))
        };
        let listener = self.listener.get_or_insert_with(bind);
        self.serving = Some(Serving::begin(Arc::clone(&self.county), listener));
    }

    /// Ends the server and the county, for the real programs to go on in their homes: the folder of all homes and the
    /// address at which desks look for the county.
    pub fn handed_over(self) -> (Folder, String) {
        (self.folder, self.address)
    }

    /// The county's disk is lost: it goes on from a verified backup in `copy`, in a new home, at the same port.
    ///
    /// # Panics
    /// When the copy is refused, or the world was silenced.
    pub fn go_on_from(&mut self, copy: &Path) {
        self.serving = None;
        let home = self.folder.join("county-restored");
        let county = County::restore(copy, &home, Clock::practice(moment(&self.clock))).expect("the county");
        self.county = Arc::new(county.telling(|fault| eprintln!("county trouble: {fault:?}")));
        let listener = self.listener.as_ref().expect("a world that was not silenced");
        self.serving = Some(Serving::begin(Arc::clone(&self.county), listener));
    }

    /// The operator and a director with one village of so many families, both in step with the county; its families, and
    /// the list they are from.
    pub fn village(&self, families: usize) -> (Seat, Seat, Vec<Value>, List) {
        let codes: Vec<String> = places_in("410423105").into_iter().take(1).map(|(code, _)| code).collect();
        let list = List::of(&codes, families);
        let op = self.operator(&list);
        let zhou = self.join("zhou", "SCHOOL_DIRECTOR");
        op.sync();
        op.ask("AssignVillages", json!({ "villages": codes, "person": "zhou" }));
        op.sync();
        zhou.sync();
        let files = zhou.files(&codes[0]);
        assert_eq!(files.len(), families);
        (op, zhou, files, list)
    }

    /// An invitation for `account` in the role of this code, e.g. `SCHOOL_DIRECTOR`.
    ///
    /// # Panics
    /// When the county refuses.
    pub fn invite(&self, account: &str, role: &str) -> String {
        let invite = Invite {
            account: account.parse().expect("an account"),
            name: name_of(account),
            role: Role::of_code(role).expect("a role"),
            areas: Vec::new(),
            address: self.address.clone(),
            days: 14,
            words: false,
            undertaking: None,
        };
        self.county.invite(&invite).expect("an invitation").code.to_string()
    }

    /// A desk of `account` in this role, joined and synced once.
    ///
    /// # Panics
    /// When a step is refused.
    pub fn join(&self, account: &str, role: &str) -> Seat {
        self.join_as(account, account, role)
    }

    /// A further desk of `account`, in a home of its own name.
    ///
    /// # Panics
    /// When a step is refused.
    pub fn join_as(&self, home: &str, account: &str, role: &str) -> Seat {
        let seat = self.enrol(home, account, role);
        seat.sync();
        seat
    }

    /// A desk that joined and had no other contact yet.
    ///
    /// # Panics
    /// When the county refuses.
    pub fn enrol(&self, home: &str, account: &str, role: &str) -> Seat {
        let seat = Seat::before(&self.folder.join(home), &self.clock);
        seat.ask("Join", json!({ "invitation": self.invite(account, role), "passphrase": PASSPHRASE }));
        seat
    }

    /// The operator's desk of the centre with places, profile and this list, all of it at the county.
    ///
    /// # Panics
    /// When a step is refused.
    pub fn operator(&self, list: &List) -> Seat {
        let op = self.operator_unsynced(list);
        op.sync();
        op
    }

    /// The operator's desk with places, profile and this list, which it has told nobody yet.
    ///
    /// # Panics
    /// When a step is refused.
    pub fn operator_unsynced(&self, list: &List) -> Seat {
        let op = self.enrol("op1", "op1", "CENTRE_OPERATOR");
        self.furnish(&op);
        let report = self.import(&op, "ImportDueList", json!({ "file": bytes("list.xlsx", &list.workbook()) }));
        assert_eq!(report["rejected"], json!([]), "{report}");
        assert_eq!(report["figures"]["borrowers"], json!(list.families.len()), "{report}");
        op
    }

    /// Imports a list or a feed with the word of somebody at the centre who is there for nothing else. Returns the report: of what
    /// was loaded, or of what needed no loading.
    ///
    /// # Panics
    /// When a step is refused.
    pub fn import(&self, op: &Seat, call: &str, with: Value) -> Value {
        let told = op.ask(call, with);
        if told["proposal"].is_null() {
            return told;
        }
        assert_eq!(told["state"], "WAITING", "{told}");
        self.agree(op, &told["proposal"]);
        let loaded = op.ask("LoadImport", json!({ "proposal": told["proposal"] }));
        [&loaded["list"], &loaded["feed"]].into_iter().find(|report| !report.is_null()).expect("a report").clone()
    }

    /// The deputy agrees to a proposal, and the operator's desk hears of it.
    ///
    /// # Panics
    /// When a step is refused.
    pub fn agree(&self, op: &Seat, proposal: &Value) {
        op.sync();
        let deputy = self.deputy.get_or_init(|| self.deputised());
        deputy.sync();
        deputy.ask("DecideImport", json!({ "proposal": proposal, "accept": true }));
        deputy.sync();
        op.sync();
    }

    /// The deputy's desk: joined now, or before this world was put to sleep.
    fn deputised(&self) -> Seat {
        let home = self.folder.join("deputy");
        if !home.exists() {
            return self.enrol("deputy", "deputy", "CENTRE_HEAD");
        }
        let seat = Seat::before(&home, &self.clock);
        seat.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
        seat
    }

    /// Loads the places and the centre's profile.
    ///
    /// # Panics
    /// When the desk may not.
    pub fn furnish(&self, op: &Seat) {
        let file = |name: &str| json!({ "path": assets().join(name) });
        let places = json!({
            "places": file("places/lushan-410423.csv"), "old_names": file("places/lushan-410423-old-names.csv")
        });
        let report = op.ask("ImportPlaces", places);
        assert_eq!(report["townships"], json!(24), "{report}");
        op.ask("SaveProfile", profile());
    }

    /// Puts the world to sleep: the server ends and all homes are locked.
    ///
    /// # Panics
    /// When it was silenced before.
    pub fn sleep(self, seats: Vec<(&str, Seat)>) -> Asleep {
        let names = seats.iter().map(|(name, _)| (*name).to_owned()).collect();
        drop(seats);
        let Self { deputy, serving, county, listener, address, clock, folder } = self;
        drop(deputy);
        drop(serving);
        drop(county);
        Asleep { folder, listener: listener.expect("a world that was not silenced"), address, clock, names }
    }
}

/// A world that can be woken many times.
pub struct Asleep {
    folder: Folder,
    listener: Arc<TcpListener>,
    address: String,
    clock: String,
    names: Vec<String>,
}

impl Asleep {
    /// A copy of the world at its first moment, with its desks opened in the order in which they were put to sleep, each
    /// with the clock (RFC 3339) at its place in `clocks`. Only one copy may be awake at a time: they share their address.
    ///
    /// # Panics
    /// When a home does not open.
    pub fn wake(&self, clocks: &[&str]) -> (World, Vec<Seat>) {
        let folder = self.folder.copy();
        let county = County::open(&folder.join("county"), Clock::practice(moment(&self.clock))).expect("the county");
        let county = Arc::new(county.telling(|fault| eprintln!("county trouble: {fault:?}")));
        let serving = Some(Serving::begin(Arc::clone(&county), &self.listener));
        // A passphrase takes its time on purpose: the desks are opened side by side.
        let opening: Vec<JoinHandle<Seat>> = self
            .names
            .iter()
            .zip(clocks)
            .map(|(name, clock)| {
                let (home, clock) = (folder.join(name), (*clock).to_owned());
                std::thread::spawn(move || {
                    let seat = Seat::before(&home, &clock);
                    seat.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
                    seat
                })
            })
            .collect();
        let seats = opening.into_iter().map(|one| one.join().expect("an open desk")).collect();
        let listener = Some(Arc::clone(&self.listener));
        let (address, clock) = (self.address.clone(), self.clock.clone());
        (World { deputy: OnceCell::new(), serving, county, listener, address, clock, folder }, seats)
    }
}

fn profile() -> Value {
    json!({
        "organ_name": "鲁山县学生资助管理中心", "organ_short": "县资助中心", "organ_code": "鲁资助", "credit_code": "",
        "hotline": "0375-1234567", "complaint_line": "0375-7654321", "address": "鲁山县教体局服务大厅",
        "bank_name": "国家开发银行", "settlement_bank": "代理结算银行", "county_name": "鲁山县"
    })
}

fn name_of(account: &str) -> String {
    match account {
        "zhou" => "周启明",
        "lin" => "林秀",
        "hao" => "郝建国",
        "op1" => "李文静",
        "head" => "赵国强",
        other => other,
    }
    .to_owned()
}
