//! A picture of the screen: the frame buffer of Xvfb, which is an X window dump, as PNG.

use anyhow::{Context as _, Result, ensure};

/// The longest block that deflate stores as it is, in bytes.
const STORED: usize = 65_535;

/// Turns a dump with 32 bits for each pixel into a PNG image, not compressed.
pub(super) fn png_from_xwd(dump: &[u8]) -> Result<Vec<u8>> {
    let field = |index: usize| -> Result<usize> {
        let bytes = dump.get(index * 4..index * 4 + 4).context("the dump is cut off")?;
        Ok(usize::try_from(u32::from_be_bytes(bytes.try_into()?))?)
    };
    let (header, width, height, order) = (field(0)?, field(4)?, field(5)?, field(7)?);
    let (bits, line, colours) = (field(11)?, field(12)?, field(19)?);
    ensure!(bits == 32 && line > 0, "{bits} bits for a pixel, {line} bytes for a line; only 32 bits are known here");
    let pixels = dump.get(header + colours * 12..).context("the dump has no pixels")?;

    let mut image = Vec::with_capacity((width * 3 + 1) * height);
    for row in pixels.chunks(line).take(height) {
        image.push(0);
        for pixel in row.chunks_exact(4).take(width) {
            let mut pixel: [u8; 4] = pixel.try_into()?;
            if order == 1 {
                pixel.reverse();
            }
            let [blue, green, red, _] = pixel;
            image.extend([red, green, blue]);
        }
    }

    let mut size = u32::try_from(width)?.to_be_bytes().to_vec();
    size.extend(u32::try_from(height)?.to_be_bytes());
    size.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, content) in [(b"IHDR", size), (b"IDAT", stored(&image)?), (b"IEND", Vec::new())] {
        png.extend(u32::try_from(content.len())?.to_be_bytes());
        let start = png.len();
        png.extend(name);
        png.extend(content);
        let checksum = crc32(png.get(start..).unwrap_or_default());
        png.extend(checksum.to_be_bytes());
    }
    Ok(png)
}

/// A zlib stream (RFC 1950) of stored blocks (RFC 1951, section 3.2.4).
fn stored(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut stream = vec![0x78, 0x01];
    let blocks = bytes.chunks(STORED).count();
    for (index, block) in bytes.chunks(STORED).enumerate() {
        let length = u16::try_from(block.len())?;
        stream.push(u8::from(index + 1 == blocks));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    stream.extend(((b << 16) | a).to_be_bytes());
    Ok(stream)
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standards() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(stored(b"Wikipedia").unwrap().split_off(16), 0x11e6_0398_u32.to_be_bytes());
    }

    #[test]
    fn a_small_screen_becomes_a_picture() {
        let mut dump = Vec::new();
        for field in [100_u32, 7, 2, 24, 2, 1, 0, 0, 32, 0, 32, 32, 8, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0] {
            dump.extend(field.to_be_bytes());
        }
        dump.extend([1, 2, 3, 0, 4, 5, 6, 0]);
        let png = png_from_xwd(&dump).unwrap();
        assert!(png.windows(7).any(|window| window == [0, 3, 2, 1, 6, 5, 4]));
        assert!(png_from_xwd(&dump[..50]).is_err());
    }
}
