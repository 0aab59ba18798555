// Files that a person hands in, as the desk takes them: name and bytes in base64.
import type { FileInput } from "../api/gen/FileInput";

/** The file's bytes in base64, as the calls want them. */
export function inputOf(file: File): Promise<FileInput> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onerror = () => reject(reader.error ?? new Error("unreadable file"));
    reader.onload = () => {
      const text = String(reader.result);
      resolve({ name: file.name, base64: text.slice(text.indexOf(",") + 1) });
    };
    reader.readAsDataURL(file);
  });
}

/** Photos up to 4 MiB and PDF up to 20 MiB are taken; a larger one is told at once, before it is read. */
export function tooBig(file: File): boolean {
  const pdf = file.type === "application/pdf" || file.name.toLowerCase().endsWith(".pdf");
  return file.size > (pdf ? 20 : 4) * 1024 * 1024;
}
