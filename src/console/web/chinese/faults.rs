//! Faults that reject a message, by reader.

use super::Row;

pub(super) const FAULTS: &[Row] = &[
    // What fits when nothing closer does.
    ("expected {}", "应为{0}"),
    ("expected {}, got {}", "应为{0}，收到{1}"),
    ("expected {}; got {}", "应为{0}，收到{1}"),
    ("expected {}; it is missing", "缺少：{0}"),
    ("expected {}; it is empty", "内容为空，应填{0}"),
    ("expected at most {}", "最多{0}"),
    ("expected at most {}, got {}", "最多{0}，收到 {1}"),
    ("and {} more faults, not listed", "另有 {0} 处错误未列出"),
    ("expected a readable alert, got something else", "不是能够识别的预警"),
    (
        "the reader failed on this message; it is kept for the engineers",
        "读取程序在这份报文上出错；报文已保存，请交技术人员查看",
    ),
    (
        "the alert that this entry links to could not be had in {} tries: {}",
        "该条目链接的预警取了 {0} 次都没有取到：{1}",
    ),
    // What it is at all.
    (
        "expected an alert in XML or JSON, got nothing",
        "应为 XML 或 JSON 格式的预警，收到的内容为空",
    ),
    ("expected an alert in XML or JSON, got {}", "应为 XML 或 JSON 格式的预警，收到{0}"),
    ("expected at most {} bytes, got {}", "最多 {0} 字节，收到 {1} 字节"),
    ("expected at most {} characters, got {}", "最多 {0} 字，收到 {1} 字"),
    (
        "expected UTF-8, UTF-16, GB18030 or Big5; got UTF-32, send UTF-8",
        "编码应为 UTF-8、UTF-16、GB18030 或 Big5，收到 UTF-32；请改用 UTF-8 发送",
    ),
    (
        "expected UTF-8 (declared: {}), got other bytes from byte {} on, and they are not GB18030 either; \
         send UTF-8 or declare the true encoding",
        "应为 UTF-8 编码（报文声明：{0}），从第 {1} 字节起不是 UTF-8，也不是 GB18030；请用 UTF-8 发送，或声明真实的编码",
    ),
    (
        "expected {}, got bytes that are not valid in it; the message is damaged or cut off",
        "应为 {0} 编码，但字节不合该编码：报文损坏或不完整",
    ),
    // XML.
    (
        "expected no document type declaration, got `<!DOCTYPE …>` (it can expand without limit or read files); \
         remove it",
        "不允许文档类型声明 <!DOCTYPE …>（可能无限展开或读取文件），请去掉",
    ),
    ("expected no document type declaration, got one", "不允许文档类型声明，请去掉"),
    ("expected no entities of its own, got one", "不允许自定义实体，请去掉"),
    ("expected at most {} levels and {} elements", "最多 {0} 层、{1} 个元素"),
    ("expected at most {} levels", "最多 {0} 层"),
    ("expected at most {} namespaces", "最多 {0} 个命名空间"),
    ("expected one root element, got another, `{}`", "只能有一个根元素，又出现了“{0}”"),
    (
        "expected at most {} attributes in an element and {} namespaces",
        "每个元素最多 {0} 个属性，全文最多 {1} 个命名空间",
    ),
    ("expected nothing outside the root element, got {}", "根元素之外不应有内容，收到{0}"),
    ("expected at most {} bytes of text in an element", "每个元素的文字最多 {0} 字节"),
    (
        "expected text, got a NUL character; the message is damaged",
        "文字中有空字符（NUL），报文损坏",
    ),
    (
        "expected &lt; &gt; &amp; &quot; &apos; or a number, got {}",
        "只允许 &lt; &gt; &amp; &quot; &apos; 或数字形式的转义，收到{0}",
    ),
    ("expected well-formed XML, got an error: {}", "XML 格式有误：{0}"),
    ("expected XML, got {}", "XML 格式有误：{0}"),
    ("expected `</{}>`, got the end of the message", "缺少结束标记 </{0}>，报文到此就断了"),
    ("expected an XML alert, got no element at all", "应为 XML 预警，收到的内容没有任何元素"),
    ("expected the namespace {}, got {}", "命名空间应为 {0}，收到{1}"),
    // What stands around an alert.
    (
        "expected one alert, got `{}` with {} of them written as text; send each by itself",
        "一次只收一条预警，“{0}”里以文字形式写了 {1} 条；请逐条发送",
    ),
    (
        "expected an alert, got an XML schema; send an alert that follows it",
        "收到的是 XML 模式（schema）文件，请发送预警本身",
    ),
    (
        "expected one alert, got a feed with {} entries or links and {} whole alerts; send each CAP alert by itself",
        "一次只收一条预警，收到的是含 {0} 个条目或链接、{1} 条完整预警的订阅列表；请逐条发送 CAP 预警",
    ),
    ("expected an alert, got a web page", "收到的是网页，不是预警"),
    (
        "expected the root element `alert`, got `{}` without any alert",
        "根元素应为“alert”，收到“{0}”，里面没有预警",
    ),
    (
        "expected one alert, got `{}` with {} alerts; send each by itself",
        "一次只收一条预警，“{0}”里有 {1} 条；请逐条发送",
    ),
    ("expected one alert written inside `{}`, got {}", "“{0}”里应写有一条预警，收到 {1} 条"),
    ("expected a feed or alerts, got `{}`", "应为订阅列表或预警，收到的是“{0}”"),
    ("expected a feed in XML or JSON, got something else", "应为 XML 或 JSON 格式的订阅列表"),
    ("expected the end of the feed, it is cut off", "订阅列表不完整，没有结尾"),
    ("expected a JSON object or a list of objects, got {}", "应为 JSON 对象或对象列表，收到{0}"),
    // JSON.
    ("expected at most {} levels of nesting", "最多嵌套 {0} 层"),
    ("expected one JSON object, got {}", "应为一个 JSON 对象，收到{0}"),
    ("expected at most {} values", "最多 {0} 个值"),
    ("expected JSON, got an error: {}", "JSON 格式有误：{0}"),
    ("expected JSON, got a fault: {}", "JSON 格式有误：{0}"),
    ("expected well-formed JSON, got an error: {}", "JSON 格式有误：{0}"),
    ("expected each field once, got it again", "同一字段只能出现一次，又出现了一次"),
    ("expected one of the seventeen types, got {}", "应为十七种业务类型之一，收到{0}"),
    ("expected one of {}; got {}", "应为 {0} 之一，收到{1}"),
    ("expected one of {}, got {}", "应为 {0} 之一，收到{1}"),
    ("expected one of {}", "应为 {0} 之一"),
    // Single elements.
    ("expected one value, got {} and {}", "只能有一个值，收到{0}和{1}"),
    (
        "expected a time before `ReportTime`; got one {} s after it",
        "时间应早于报告时间（ReportTime），却晚了 {0} 秒",
    ),
    (
        "expected readings as they are, got an envelope with a body in cipher",
        "应为明文的监测值，收到的是加密内容",
    ),
    (
        "expected an element, got 00; {} bytes are not read",
        "应为要素标识，收到 00；其后 {0} 字节未读",
    ),
    ("expected a time such as {}, got {}", "时间格式应如 {0}，收到{1}"),
    ("expected a time with its zone such as {}, got {}", "时间须带时区，如 {0}，收到{1}"),
    ("expected a year from {} to {}, got {}", "年份应在 {0} 至 {1} 之间，收到{2}"),
    ("expected at most {} info blocks, got {}", "info 段最多 {0} 个，收到 {1} 个"),
    ("expected at most {} references, got {}", "引用最多 {0} 条，收到 {1} 条"),
    (
        "an Update or Cancel without references; nobody can tell what it is about",
        "更新或解除没有写明引用哪一条预警，无法知道针对哪一条",
    ),
    (
        "it ends before or when it begins; as written it never sounds",
        "失效时间不晚于生效时间，照此永远不会播出",
    ),
    // Places.
    (
        "expected a polygon of at least 3 different points, got {}",
        "多边形至少要有 3 个不同的点，收到 {0} 个",
    ),
    ("expected `lat,lon radius`, got {}", "圆应写成“纬度,经度 半径”，收到{0}"),
    ("expected a radius of 0 to {} km, got {} km", "半径应为 0 至 {0} 公里，收到 {1} 公里"),
    ("expected pairs `lat,lon`, got {}", "应为成对的“纬度,经度”，收到{0}"),
    ("expected at most {} points, got {}", "最多 {0} 个点，收到 {1} 个"),
    ("expected a pair `lat,lon`, got {}", "应为一对“纬度,经度”，收到{0}"),
    (
        "expected latitude -90 to 90 and longitude -180 to 180, got {}",
        "纬度应为 -90 至 90、经度 -180 至 180，收到{0}",
    ),
    (
        "expected latitude -90 to 90 and longitude -180 to 180, got {}; latitude comes first, are the two swapped?",
        "纬度应为 -90 至 90、经度 -180 至 180，收到{0}；应先写纬度，是否写反了？",
    ),
    // Earthquake reports.
    ("expected {}; got nothing of the kind", "缺少：{0}"),
    ("expected true or false; got {}", "应为 true 或 false，收到{0}"),
    // Signatures and sources.
    ("expected a valid signature of this source, got {}", "该来源须有有效的数字签名，实际{0}"),
    ("expected `{}` in it, got none", "缺少“{0}”"),
    ("expected one `{}` in it, got several", "“{0}”只能有一个，收到多个"),
    ("expected one signature, got {}", "只能有一个签名，收到 {0} 个"),
    ("expected an alert as root element, got `{}`", "根元素应为预警，收到“{0}”"),
    (
        "expected it as a child of the alert, got it deeper inside",
        "签名应直接放在预警之下，收到的放得更深",
    ),
    (
        "expected RSA with SHA-2 or ECDSA with SHA-256 as signature method",
        "签名算法应为 RSA（配 SHA-2）或 ECDSA（配 SHA-256）",
    ),
    ("expected at most {} transforms", "最多 {0} 个变换"),
    ("expected the transform `enveloped-signature`, got none", "缺少变换“enveloped-signature”"),
    ("expected SHA-2 as digest method", "摘要算法应为 SHA-2"),
    ("expected base64 in `{}`", "“{0}”里应为 base64"),
    (
        "expected a certificate or public key in PEM, found none",
        "应为 PEM 格式的证书或公钥，没有找到",
    ),
    (
        "expected a certificate or public key in PEM, got `{}`",
        "应为 PEM 格式的证书或公钥，收到“{0}”",
    ),
    ("expected a public key, got {}", "应为公钥，收到{0}"),
    ("expected a certificate, got {}", "应为证书，收到{0}"),
    ("expected an RSA or P-256 key, got kind {}", "应为 RSA 或 P-256 密钥，收到第 {0} 类"),
    ("expected a certificate of {} bytes, got {}", "证书应为 {0} 字节，收到 {1} 字节"),
    ("expected a certificate of version 0, got {}", "证书版本应为 0，收到{0}"),
    ("expected a month from 1 to 12, got {}", "月份应为 1 至 12，收到{0}"),
    // Packages of broadcast platforms.
    ("expected an EBM, got {}", "应为应急广播消息（EBM），收到{0}"),
    ("expected {}, got {} characters", "应为{0}，收到 {1} 个字符"),
    (
        "expected a plain TAR, got a compressed file; send it uncompressed",
        "应为未压缩的 TAR 包，收到压缩文件；请不压缩直接发送",
    ),
    ("expected every file name once, got {} again", "包内文件名不能重复，又出现了{0}"),
    (
        "expected plain files, got an entry of kind `{}` (link or device)",
        "包内只能是普通文件，收到“{0}”类条目（链接或设备）",
    ),
    ("expected a TAR header of {} bytes, got {}", "TAR 文件头应为 {0} 字节，收到 {1} 字节"),
    ("expected at most {} entries", "最多 {0} 个条目"),
    ("expected at most {} records", "最多 {0} 条记录"),
    ("expected a TAR header with checksum {}, got {}", "TAR 文件头校验和应为 {0}，收到{1}"),
    ("expected the size of a file in octal, got no number", "文件大小应为八进制数，收到的不是数字"),
    (
        "expected {} bytes of a file, got {}; cut off",
        "文件应有 {0} 字节，只收到 {1} 字节，包不完整",
    ),
    ("expected an extended header of at most {} bytes", "扩展文件头最多 {0} 字节"),
    ("expected `length key=value` in a pax header", "pax 扩展头应写成“长度 键=值”"),
    (
        "expected sizes and names in plain headers, got them in a pax header",
        "文件名和大小应写在普通文件头里，收到的写在 pax 扩展头里",
    ),
    ("expected plain file names, got {}: {}", "包内应为普通文件名，收到{0}：{1}"),
    ("expected a file name, got {}", "应为文件名，收到{0}"),
    ("expected the element `{}`, got {}", "应为元素“{0}”，收到{1}"),
    ("expected {} digits, got {}", "应为 {0} 位数字，收到{1}"),
    ("expected 41 or 36 digits, got {}", "应为 41 或 36 位数字，收到{0}"),
    ("expected 35 or 30 digits, got {}", "应为 35 或 30 位数字，收到{0}"),
    ("expected a number from {} to {}, got {}", "应为 {0} 至 {1} 的数，收到{2}"),
    ("expected a number from {} to {}; got {}", "应为 {0} 至 {1} 的数，收到{2}"),
    ("expected the SM3 digest {}, got {}", "SM3 摘要应为{0}，实际为 {1}"),
    ("expected {} bytes in {}, got {}", "{1}应有 {0} 字节，收到 {2} 字节"),
    ("expected {} bytes, got {}", "应为 {0} 字节，收到 {1} 字节"),
    ("the code of the source is missing", "缺少来源的编码"),
    // Telegrams of stations.
    ("expected {} bytes as the length says, got {}", "按长度应有 {0} 字节，收到 {1} 字节"),
    ("expected the start 7E 7E or 01, got {}", "报文应以 7E 7E 或 01 开头，收到{0}"),
    (
        "expected 68, a length of 7 or more, 68; got {}",
        "报文应以 68、长度（不小于 7）、68 开头，收到{0}",
    ),
    ("{}: expected {} hexadecimal characters, got {}", "{0}：应为 {1} 个十六进制字符，收到{2}"),
    ("the telegram ends too early, after {} bytes", "报文不完整，只有 {0} 字节"),
    (
        "direction: expected 0 (up) or 8 (down), got {}",
        "方向标识应为 0（上行）或 8（下行），收到{0}",
    ),
    ("expected 02 or 16 before the body, got {}", "正文之前应为 02 或 16，收到{0}"),
    ("expected one of {} as the end of the body, got {}", "正文应以 {0} 之一结尾，收到{1}"),
    (
        "expected a packet of 1 to its total, got {} of {}",
        "分包序号应在 1 至总包数之间，收到第 {0} 包，共 {1} 包",
    ),
    ("check: expected {}, got {}", "校验码应为 {0}，收到{1}"),
    ("expected 16 as the end, got {}", "报文应以 16 结尾，收到{0}"),
    (
        "body: expected {} of serial number and time, got {}",
        "正文：流水号和发报时间应有 {0} 字节，收到 {1} 字节",
    ),
    ("packets: more than {} bytes wait for their last", "分包：等待末包的数据超过 {0} 字节"),
    (
        "expected control byte, address and function; it ends before",
        "缺少控制域、地址域或功能码，报文到此就断了",
    ),
    // Readings as JSON.
    ("expected only `readings` beside it", "除“readings”之外不应有这个字段"),
    ("expected an object with readings, got another value", "应为含监测值的对象，收到别的内容"),
    ("expected readings, got an empty object", "应有监测值，收到空对象"),
    ("expected at most {} readings", "最多 {0} 个监测值"),
    ("expected 1 to 40 letters and digits, got {}", "应为 1 至 40 个字母和数字，收到{0}"),
    ("expected `minutes` of 1 to 1440 beside rain", "雨量须同时给出“minutes”（1 至 1440）"),
    (
        "expected a quantity such as stage or rain, got {}",
        "应为监测要素，如 stage（水位）、rain（雨量），收到{0}",
    ),
    ("expected a device with an object of points", "应为设备及其测点对象"),
];
