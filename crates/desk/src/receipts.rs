//! Receipts on their way home: a photo filed under its number, completed by the rules of its mode.
//! Foreign bytes are looked at and drawn in small by another process; nothing of a picture is judged.

use domain::blob::MOST_PREVIEW;
use domain::event::Event;
use domain::ids::{FileId, Sha};
use domain::receipt::{Preview, Proxy, ReceiptCompleted, ReceiptFault, ReceiptFiled, check};
use domain::words::{DocKind, LetterState, Section};
use foreign::{PictureFault, Reader};
use store::{Letter, Store};

use crate::api::{
    CompleteReceipt, FileReceipt, LedgerAsked, PictureView, ReceiptFiled as ReceiptFiledReply, ReceiptRow,
    ReceiptsView, Saved,
};
use crate::failure::{Code, Failure};
use crate::letters::one_letter;
use crate::visits::remark;
use crate::{Desk, bytes_of};

const PDF: &str = "application/pdf";
/// Largest photo and largest PDF (reliability limits).
const MOST_PHOTO: u64 = 4 * 1024 * 1024;
const MOST_PDF: u64 = 20 * 1024 * 1024;
/// Most pixels of a photo.
const MOST_PIXELS: u64 = 24_000_000;

fn worded(fault: ReceiptFault) -> Failure {
    let zh = match fault {
        ReceiptFault::Unsigned => "没有签名也没有手印。",
        ReceiptFault::NotDatedByHand => "签收日期要由签收人手写。",
        ReceiptFault::Servers => "送达人不够（留置送达要两人，其他至少一人）。",
        ReceiptFault::NoProxy => "代收人的姓名和关系没有写。",
        ReceiptFault::MinorProxy => "未成年人不能代收。",
        ReceiptFault::ProxyLivesElsewhere => "不同住的人代收不算送达，请按转交登记。",
        ReceiptFault::NotSealed => "代收时信要装在封好的信封里。",
        ReceiptFault::NoRefusalReason => "拒收的原因没有写。",
        ReceiptFault::NoWitness => "留置送达要有见证人，或者拍照录像。",
        ReceiptFault::WitnessServed => "送达人不能同时当见证人。",
        ReceiptFault::HomeNotConfirmed => "没有确认这是他家。",
        ReceiptFault::NoPostNo => "邮寄的单号没有写。",
        ReceiptFault::NotDelivered => "邮件还没有妥投。",
        ReceiptFault::NoConsent => "没有事先同意电子送达的书面材料。",
        ReceiptFault::NoArrivalProof => "没有送到的凭据。",
        ReceiptFault::Future => "送达日期还没到，请核对。",
        ReceiptFault::BeforePrint => "送达日期早于文书打印的日期，请核对。",
        ReceiptFault::DateFarAway => "纸上的日期和今天差了一天以上，请核对后确认。",
        ReceiptFault::NoPicture => "还没有收到回证的照片或扫描件。",
    };
    Failure::new(Code::ReceiptRule, &[("why", zh), ("why_en", &fault.to_string())]).at(fault.field())
}

/// The media type of a picture by its first bytes; a photo's size in pixels is read from its head, in another process.
fn media_of(reader: &Reader, name: &str, bytes: &[u8]) -> Result<&'static str, Failure> {
    if bytes.starts_with(b"%PDF-") {
        return Ok(PDF);
    }
    let picture = reader.picture(bytes).map_err(|fault| {
        let code = match fault {
            PictureFault::NotAPicture | PictureFault::ReaderFailed => Code::NotAPicture,
            PictureFault::NoReader => Code::NoReader,
        };
        Failure::new(code, &[("file", name)]).at("file")
    })?;
    if picture.dots() > MOST_PIXELS {
        let size = format!("{}×{}", picture.width, picture.height);
        return Err(Failure::new(Code::TooLarge, &[("file", name), ("size", &size), ("most", "2400万像素")]).at("file"));
    }
    Ok(picture.format.media())
}

fn one_receipt(store: &Store, receipt_no: &str, household: Option<FileId>) -> Result<Letter, Failure> {
    let letter = one_letter(store, receipt_no, household).map_err(|failure| failure.at("receipt_no"))?;
    if letter.letter.doc.kind != DocKind::ServiceReceipt {
        return Err(Failure::new(Code::NotFound, &[("what", &format!("回证{receipt_no}"))]).at("receipt_no"));
    }
    if letter.voided {
        return Err(Failure::new(Code::LetterVoid, &[("doc_no", receipt_no)]).at("receipt_no"));
    }
    Ok(letter)
}

fn view(store: &Store, photo: &ReceiptFiled) -> Result<PictureView, Failure> {
    let preview = match photo.preview {
        Some(small) if store.has_blob(small.sha256)? => Some(small.sha256),
        Some(_) | None => None,
    };
    Ok(PictureView {
        sha256: photo.sha256,
        bytes: photo.bytes,
        media: photo.media.clone(),
        here: store.has_blob(photo.sha256)?,
        preview,
    })
}

impl Desk {
    pub(crate) fn file_receipt(&self, with: FileReceipt) -> Result<ReceiptFiledReply, Failure> {
        {
            let store = self.store();
            self.may(&store, |role| role.works_cases(), "收回证")?;
            one_receipt(&store, &with.receipt_no, with.household)?;
        }
        let (name, bytes) = bytes_of(&with.file, MOST_PDF, "file")?;
        // The store is free while another process looks at the picture.
        let media = media_of(&self.reader, &name, &bytes)?;
        let (sha, size) = (Sha::of(&bytes), u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if media != PDF && size > MOST_PHOTO {
            let size = format!("{}KB", size / 1024);
            return Err(Failure::new(Code::TooLarge, &[("file", &name), ("size", &size), ("most", "4MB")]).at("file"));
        }
        let (mut small, mut remarks) = (None, Vec::new());
        if media != PDF && size > MOST_PREVIEW {
            small = self.reader.preview(&bytes).ok().and_then(|drawn| Preview::naming(sha, &drawn));
            if small.is_none() {
                remarks.push(remark(
                    "NOT_DRAWN",
                    "照片已存下，但这台电脑画不出它的小样：请打开看一看，看不清就重拍一张",
                    "The photo is kept, but could not be drawn in small: open it and look, and take another if it is not clear",
                ));
            }
        }
        let mut store = self.store();
        let letter = one_receipt(&store, &with.receipt_no, with.household)?;
        let known = store.receipt_photos(None)?;
        let doc = letter.letter.doc.clone();
        if let Some((said, photo)) = known.iter().find(|(_, photo)| photo.sha256 == sha && photo.receipt == doc) {
            // The same picture of the same paper: it is home already.
            let picture = view(&store, photo)?;
            return Ok(ReceiptFiledReply { fact: said.id, picture, remarks: Vec::new() });
        }
        if let Some((_, other)) = known.iter().find(|(_, photo)| photo.papers().contains(&sha)) {
            let doc_no = other.receipt.to_string();
            return Err(Failure::new(Code::PictureReused, &[("doc_no", &doc_no)]).at("file"));
        }
        let preview = small
            .as_deref()
            .map(|small| Preview { sha256: Sha::of(small), bytes: u64::try_from(small.len()).unwrap_or(u64::MAX) });
        let filed = ReceiptFiled { receipt: doc, sha256: sha, media: media.to_owned(), bytes: size, preview };
        let event = Event::ReceiptFiled(filed.clone());
        let (fact, _) = self.write(&mut store, |pen| {
            pen.keep_blob(letter.file, Section::Core, media, &bytes)?;
            if let Some(small) = &small {
                pen.keep_preview(letter.file, Section::Core, Preview::MEDIA, small)?;
            }
            Ok(pen.record(letter.file, Section::Core, &event, Vec::new())?)
        })?;
        Ok(ReceiptFiledReply { fact, picture: view(&store, &filed)?, remarks })
    }

    pub(crate) fn complete_receipt(&self, with: CompleteReceipt) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role.works_cases(), "登记回证")?;
        let letter = one_receipt(&store, &with.receipt_no, with.household)?;
        let today = self.present_of(&store)?.today;
        let number = letter.letter.doc.to_string();
        let of = Some((letter.file, number.as_str()));
        let pictured = !store.receipt_photos(of)?.is_empty();
        let done = ReceiptCompleted {
            receipt: letter.letter.doc.clone(),
            mode: with.mode,
            served_on: with.served_on,
            served_at: with.served_at,
            servers: with.servers.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect(),
            signed: with.signed,
            fingerprinted: with.fingerprinted,
            dated_by_hand: with.dated_by_hand,
            proxy: with.proxy.map(|proxy| Proxy {
                name: proxy.name,
                relation: proxy.relation,
                adult: proxy.adult,
                lives_there: proxy.lives_there,
                sealed: proxy.sealed,
            }),
            witnesses: with
                .witnesses
                .iter()
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect(),
            refusal_reason: with.refusal_reason,
            home_confirmed: with.home_confirmed,
            filmed: with.filmed,
            post_no: with.post_no,
            post_delivered: with.post_delivered,
            consent: with.consent,
            arrival_proof: with.arrival_proof,
        };
        if let Some(fault) = check(&done, letter.letter.printed_on, pictured, with.date_confirmed, today).first() {
            return Err(worded(*fault));
        }
        let replaces = store.receipts_done(of)?.into_iter().map(|(said, _)| said.id).collect();
        self.write_one(&mut store, letter.file, &Event::ReceiptCompleted(done), replaces)
    }

    pub(crate) fn receipts(&self, with: LedgerAsked) -> Result<ReceiptsView, Failure> {
        let store = self.store();
        let mut rows = Vec::new();
        for letter in self.ledger(&store, &with)? {
            if letter.kind != DocKind::ServiceReceipt || letter.state == LetterState::Void {
                continue;
            }
            let of = Some((letter.household, letter.doc_no.as_str()));
            let photos = store.receipt_photos(of)?;
            let pictures = photos.iter().map(|(_, photo)| view(&store, photo)).collect::<Result<_, _>>()?;
            let done = store.receipts_done(of)?.pop().map(|(_, done)| done);
            rows.push(ReceiptRow {
                complete: done.is_some(),
                mode: done.as_ref().map(|done| done.mode),
                served_on: done.map(|done| done.served_on),
                pictures,
                letter,
            });
        }
        let count = |fits: fn(&ReceiptRow) -> bool| {
            u32::try_from(rows.iter().filter(|row| fits(row)).count()).unwrap_or(u32::MAX)
        };
        Ok(ReceiptsView {
            printed: count(|_| true),
            complete: count(|row| row.complete),
            filed: count(|row| !row.complete && !row.pictures.is_empty()),
            missing: count(|row| !row.complete && row.pictures.is_empty()),
            rows,
        })
    }
}
