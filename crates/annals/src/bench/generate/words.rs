//! The lists that names, texts and devices are put together from. Fixtures: they say nothing about anybody.

#[rustfmt::skip]
pub const GIVEN_NAMES: [&str; 64] = [
    "Maria", "James", "Aisha", "Wei", "José", "Anna", "Mohammed", "Sofia", "David", "Yuki", "Fatima", "John", "Chloé", "Ivan",
    "Priya", "Lukas", "Emma", "Carlos", "Zoë", "Ahmed", "Olivia", "Björn", "Mei", "Peter", "Ana", "Daniel", "Łukasz", "Sara",
    "Thomas", "Nadia", "Robert", "Ingrid", "Kenji", "Laura", "Omar", "Julia", "Michael", "Siobhán", "Rahul", "Eva", "Ali",
    "Hannah", "Diego", "Nora", "Samuel", "Leila", "Andrew", "Katarzyna", "Minh", "Grace", "Paulo", "Elena", "Kofi", "Lucy",
    "François", "Amara", "Viktor", "Camila", "Øyvind", "Tariq", "Linh", "Mark", "Jana", "美咲",
];

#[rustfmt::skip]
pub const SURNAMES: [&str; 64] = [
    "Smith", "García", "Müller", "Wang", "Khan", "Silva", "Nguyễn", "Johnson", "Rossi", "Kim", "Ivanov", "Patel", "Martin",
    "Andersen", "Kowalski", "Tanaka", "Brown", "López", "Schmidt", "Li", "Hassan", "Santos", "Dubois", "Williams", "Novák",
    "Singh", "Jensen", "Popescu", "Sato", "Jones", "Fernández", "Weber", "Chen", "Ahmed", "Costa", "O'Brien", "Yılmaz", "Lee",
    "Moreau", "Taylor", "Horváth", "Gupta", "Larsen", "Hernández", "Fischer", "Zhang", "Ali", "Oliveira", "Bernard", "Davies",
    "Papadopoulos", "Sharma", "Virtanen", "Suzuki", "Wilson", "Martínez", "Wagner", "Liu", "Mensah", "Pereira", "Lefèvre",
    "Evans", "Nowak", "佐藤",
];

#[rustfmt::skip]
pub const COMPANY_FIRST: [&str; 32] = [
    "North", "Blue", "Silver", "Granite", "Harbor", "Summit", "Cedar", "Bright", "Iron", "Meadow", "Polar", "Amber", "Coral",
    "Delta", "Ember", "Falcon", "Glacier", "Hazel", "Ivory", "Juniper", "Kestrel", "Lumen", "Maple", "Nimbus", "Onyx",
    "Pioneer", "Quartz", "River", "Élan", "Tundra", "Über", "Søndre",
];

#[rustfmt::skip]
pub const COMPANY_SECOND: [&str; 32] = [
    "Logistics", "Health", "Analytics", "Foods", "Energy", "Robotics", "Finance", "Media", "Travel", "Software", "Insurance",
    "Retail", "Biotech", "Mobility", "Security", "Education", "Materials", "Capital", "Networks", "Studios", "Pharma",
    "Motors", "Textiles", "Consulting", "Airways", "Water", "Metals", "Design", "Systems", "Farms", "Telecom", "Works",
];

#[rustfmt::skip]
pub const COMPANY_FORM: [&str; 8] = [
    "Inc.", "GmbH", "Ltd", "S.A.", "AB", "LLC", "B.V.", "K.K.",
];

#[rustfmt::skip]
pub const SERVICE_ACTORS: [&str; 8] = [
    "deploy pipeline", "nightly import", "billing sync", "directory sync", "backup job", "reporting bot", "support console",
    "mobile gateway",
];

#[rustfmt::skip]
pub const BROWSERS: [&str; 28] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.7 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Android 15; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 OPR/122.0.0.0",
    "Example/7.4.1 (iOS 18.6; iPhone16,2)", "Example/7.3.0 (Android 15; Pixel 9)", "Example/7.4.0 (Windows 11; Desktop)",
    "Example/7.4.0 (macOS 15.6; Desktop)",
];

#[rustfmt::skip]
pub const CLIENTS: [&str; 12] = [
    "Go-http-client/2.0", "Go-http-client/1.1", "python-requests/2.32.5", "python-httpx/0.28.1", "axios/1.12.2",
    "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)", "okhttp/5.1.0", "curl/8.15.0", "Faraday v2.13.4",
    "Terraform/1.13.1 (+https://www.terraform.io)", "PostmanRuntime/7.46.0", "Apache-HttpClient/5.5 (Java/21.0.8)",
];

/// 256, so that a word is eight bits.
#[rustfmt::skip]
pub const WORDS: [&str; 256] = [
    "account", "active", "added", "after", "agent", "agreed", "alert", "all", "allowed", "amount", "annual", "answer",
    "approved", "april", "archive", "area", "article", "asked", "asset", "assigned", "august", "author", "automatic",
    "available", "balance", "batch", "because", "before", "below", "billing", "blocked", "board", "branch", "budget", "bulk",
    "business", "call", "campaign", "cancelled", "case", "catalog", "category", "change", "channel", "check", "child", "city",
    "claim", "class", "cleanup", "client", "closed", "code", "column", "comment", "common", "company", "complete", "contact",
    "content", "contract", "copied", "cost", "country", "course", "created", "credit", "current", "customer", "daily", "data",
    "date", "deal", "default", "delay", "delivery", "department", "design", "desk", "detail", "device", "digital", "direct",
    "discount", "district", "document", "domain", "done", "door", "draft", "due", "duplicate", "early", "edit", "email",
    "employee", "enabled", "end", "energy", "entry", "error", "estimate", "event", "every", "exact", "example", "exchange",
    "expired", "export", "extra", "factory", "failed", "feature", "field", "file", "final", "finance", "first", "fixed",
    "flag", "folder", "follow", "form", "format", "forward", "found", "free", "friday", "from", "full", "general", "global",
    "goal", "group", "growth", "guest", "guide", "half", "handle", "health", "help", "history", "home", "hour", "image",
    "import", "inactive", "index", "initial", "input", "internal", "invoice", "item", "january", "job", "july", "june",
    "kept", "label", "language", "large", "last", "late", "launch", "layout", "leader", "legal", "level", "license", "limit",
    "link", "list", "local", "locked", "lost", "main", "manager", "manual", "march", "market", "match", "meeting", "member",
    "memo", "merged", "message", "method", "minor", "missing", "mobile", "model", "monday", "monthly", "moved", "network",
    "never", "new", "next", "normal", "note", "notice", "number", "offer", "office", "old", "online", "only", "open",
    "option", "order", "other", "output", "overdue", "owner", "package", "page", "paid", "partner", "payment", "pending",
    "period", "permission", "phone", "plan", "policy", "position", "previous", "price", "primary", "priority", "private",
    "process", "product", "profile", "project", "public", "purchase", "quarter", "question", "quick", "quota", "range",
    "rate", "reason", "receipt", "record", "refund", "region", "rejected", "release", "removed", "renewal", "report",
    "request", "resolved", "result",
];
