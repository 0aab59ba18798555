//! The QR code on a sheet. It holds the document's number, the template version and eight digits
//! of the hash over the facts, and must never hold a name, an amount or an address to visit.

use qrcodegen::{QrCode, QrCodeEcc};

use crate::FormError;
use crate::canvas::{Canvas, Ink};

/// What the code says.
pub(crate) fn payload(doc_no: &str, template: &str, hash8: &str) -> String {
    format!("{doc_no}|{template}|{hash8}")
}

/// Draws the code as a square of about `side` with its upper left corner at (`x`, `y`). The
/// caller keeps four modules of paper free around it.
pub(crate) fn draw(canvas: &mut Canvas, text: &str, x: i32, y: i32, side: i32) -> Result<(), FormError> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).map_err(FormError::Code)?;
    let modules = code.size();
    let module = side / modules.max(1);
    for row in 0..modules {
        let mut column = 0;
        while column < modules {
            let mut run = 0;
            while column + run < modules && code.get_module(column + run, row) {
                run += 1;
            }
            if run > 0 {
                canvas.bar(x + column * module, y + row * module, run * module, module, Ink::Black);
            }
            column += run.max(1);
        }
    }
    Ok(())
}

/// How many modules wide the code of a text is, quiet zone not counted.
#[cfg(test)]
fn modules(text: &str) -> i32 {
    QrCode::encode_text(text, QrCodeEcc::Medium).map_or(0, |c| c.size())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_stays_small_enough_to_scan() {
        let text = payload("青资助还通〔2026〕10123号", "HT-2026.1", "0a1b2c3d");
        assert_eq!(text, "青资助还通〔2026〕10123号|HT-2026.1|0a1b2c3d");
        assert!(modules(&text) <= 37);
    }
}
