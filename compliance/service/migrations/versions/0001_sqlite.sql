CREATE TABLE document (
	id INTEGER NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	sha256 BLOB NOT NULL,
	received BIGINT NOT NULL,
	sender TEXT,
	party TEXT,
	syntax TEXT NOT NULL,
	size_bytes BIGINT NOT NULL,
	events INTEGER DEFAULT '0' NOT NULL,
	header BLOB,
	findings BLOB,
	archive BIGINT,
	PRIMARY KEY (id),
	UNIQUE (sha256)
);
-- next
CREATE TABLE outbox (
	id INTEGER NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	document INTEGER NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE TABLE document_part (
	document INTEGER NOT NULL,
	part INTEGER NOT NULL,
	content BLOB NOT NULL,
	PRIMARY KEY (document, part)
);
-- next
CREATE TABLE event (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	txid BIGINT DEFAULT '0' NOT NULL,
	document INTEGER,
	position INTEGER,
	identity BLOB NOT NULL,
	hash BLOB NOT NULL,
	event_id TEXT NOT NULL,
	type TEXT NOT NULL,
	action TEXT,
	biz_step TEXT,
	disposition TEXT,
	event_time BIGINT NOT NULL,
	event_time_zone_offset TEXT,
	record_time BIGINT NOT NULL,
	read_point TEXT,
	biz_location TEXT,
	parent BIGINT,
	transformation_id TEXT,
	moment BIGINT NOT NULL,
	declared_error BIGINT,
	error_reason TEXT,
	voided BOOLEAN DEFAULT '0' NOT NULL,
	epcs INTEGER NOT NULL,
	payload BLOB NOT NULL,
	archive BIGINT,
	UNIQUE (identity)
);
-- next
CREATE INDEX event_by_biz_location ON event (biz_location, seq);
-- next
CREATE INDEX event_by_biz_step ON event (biz_step, seq);
-- next
CREATE INDEX event_by_disposition ON event (disposition, seq);
-- next
CREATE INDEX event_by_document ON event (document);
-- next
CREATE INDEX event_by_event_id ON event (event_id);
-- next
CREATE INDEX event_by_event_time ON event (event_time);
-- next
CREATE INDEX event_by_hash ON event (hash);
-- next
CREATE INDEX event_by_read_point ON event (read_point, seq);
-- next
CREATE INDEX event_by_record_time ON event (record_time, seq);
-- next
CREATE INDEX event_by_type ON event (type, seq);
-- next
CREATE INDEX event_declared ON event (declared_error) WHERE declared_error IS NOT NULL;
-- next
CREATE TABLE event_epc (
	block BIGINT NOT NULL,
	seq BIGINT NOT NULL,
	role SMALLINT NOT NULL,
	mask BIGINT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (block, seq, role)
)
 WITHOUT ROWID;
-- next
CREATE INDEX event_epc_by_seq ON event_epc (seq);
-- next
CREATE TABLE event_quantity (
	seq BIGINT NOT NULL,
	role SMALLINT NOT NULL,
	position INTEGER NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	"key" BLOB NOT NULL,
	quantity FLOAT,
	uom TEXT,
	PRIMARY KEY (seq, role, position)
)
 WITHOUT ROWID;
-- next
CREATE INDEX event_quantity_by_key ON event_quantity ("key", seq);
-- next
CREATE TABLE event_party (
	party TEXT NOT NULL,
	seq BIGINT NOT NULL,
	relation SMALLINT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (party, seq, relation)
)
 WITHOUT ROWID;
-- next
CREATE INDEX event_party_by_seq ON event_party (seq);
-- next
CREATE TABLE lot (
	id INTEGER NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	gtin TEXT NOT NULL,
	code TEXT NOT NULL,
	expiry TEXT NOT NULL,
	other_lot INTEGER DEFAULT '0' NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT lot_once UNIQUE (gtin, code, expiry, other_lot)
);
-- next
CREATE TABLE item_state (
	id INTEGER NOT NULL,
	status TEXT NOT NULL,
	disposition TEXT NOT NULL,
	location TEXT NOT NULL,
	holder TEXT NOT NULL,
	conditions TEXT NOT NULL,
	borrowed TEXT NOT NULL,
	persistent TEXT NOT NULL,
	shipper TEXT NOT NULL,
	owner TEXT NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT item_state_once UNIQUE (status, disposition, location, holder, conditions, borrowed, persistent, shipper, owner)
);
-- next
CREATE TABLE item (
	id INTEGER NOT NULL,
	parent BIGINT,
	moment BIGINT NOT NULL,
	age BIGINT NOT NULL,
	lead BIGINT NOT NULL,
	lot INTEGER,
	state_id INTEGER NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	"key" BLOB NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX item_by_lot ON item (lot);
-- next
CREATE INDEX item_without_lot ON item ("key") WHERE lot IS NULL;
-- next
CREATE TABLE stock_group (
	block BIGINT NOT NULL,
	state_id INTEGER NOT NULL,
	lot INTEGER NOT NULL,
	parent BIGINT NOT NULL,
	moment BIGINT NOT NULL,
	mask BIGINT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (block, state_id, lot, parent, moment)
)
 WITHOUT ROWID;
-- next
CREATE INDEX stock_group_by_lot ON stock_group (lot, block);
-- next
CREATE INDEX stock_group_by_parent ON stock_group (parent) WHERE parent <> 0;
-- next
CREATE INDEX stock_group_by_state ON stock_group (state_id, parent);
-- next
CREATE TABLE item_key_settled (
	"key" BLOB NOT NULL,
	id BIGINT NOT NULL,
	PRIMARY KEY ("key")
)
 WITHOUT ROWID;
-- next
CREATE TABLE item_key_even (
	"key" BLOB NOT NULL,
	id BIGINT NOT NULL,
	PRIMARY KEY ("key")
)
 WITHOUT ROWID;
-- next
CREATE TABLE item_key_odd (
	"key" BLOB NOT NULL,
	id BIGINT NOT NULL,
	PRIMARY KEY ("key")
)
 WITHOUT ROWID;
-- next
CREATE TABLE containment (
	block BIGINT NOT NULL,
	since BIGINT NOT NULL,
	parent BIGINT NOT NULL,
	until BIGINT NOT NULL,
	mask BIGINT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (block, since, parent, until)
)
 WITHOUT ROWID;
-- next
CREATE INDEX containment_by_parent ON containment (parent);
-- next
CREATE TABLE master_data (
	type TEXT NOT NULL,
	id TEXT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	"key" TEXT NOT NULL,
	stated_at BIGINT NOT NULL,
	document INTEGER,
	payload BLOB NOT NULL,
	PRIMARY KEY (type, id)
);
-- next
CREATE INDEX master_data_by_key ON master_data ("key");
-- next
CREATE TABLE master_data_attribute (
	type TEXT NOT NULL,
	id TEXT NOT NULL,
	position INTEGER NOT NULL,
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (type, id, position)
);
-- next
CREATE INDEX master_data_attribute_by_name ON master_data_attribute (name, value);
-- next
CREATE TABLE master_data_child (
	type TEXT NOT NULL,
	id TEXT NOT NULL,
	child TEXT NOT NULL,
	"key" TEXT NOT NULL,
	child_key TEXT NOT NULL,
	PRIMARY KEY (type, id, child)
);
-- next
CREATE INDEX master_data_child_by_key ON master_data_child ("key");
-- next
CREATE TABLE master_data_lot (
	gtin TEXT NOT NULL,
	lot TEXT NOT NULL,
	type TEXT NOT NULL,
	id TEXT NOT NULL,
	expiry TEXT NOT NULL,
	PRIMARY KEY (gtin, lot, type, id)
);
-- next
CREATE INDEX master_data_lot_by_entry ON master_data_lot (type, id);
-- next
CREATE TABLE capture_job (
	id TEXT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	created BIGINT NOT NULL,
	finished BIGINT,
	running BOOLEAN NOT NULL,
	success BOOLEAN NOT NULL,
	behaviour TEXT NOT NULL,
	media_type TEXT,
	body_path TEXT,
	body_bytes BIGINT,
	caller TEXT,
	party TEXT,
	sha256 BLOB,
	errors BLOB,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX capture_job_by_created ON capture_job (created);
-- next
CREATE INDEX capture_job_waiting ON capture_job (caller, created, id) WHERE running;
-- next
CREATE TABLE product (
	code VARCHAR(50) NOT NULL,
	scheme VARCHAR(4) NOT NULL,
	version INTEGER NOT NULL,
	name VARCHAR(500) NOT NULL,
	details TEXT NOT NULL,
	owner VARCHAR(100) NOT NULL,
	uploaded_us BIGINT NOT NULL,
	PRIMARY KEY (code)
);
-- next
CREATE TABLE product_version (
	code VARCHAR(50) NOT NULL,
	version INTEGER NOT NULL,
	details TEXT NOT NULL,
	uploaded_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	PRIMARY KEY (code, version)
);
-- next
CREATE TABLE product_market (
	code VARCHAR(50) NOT NULL,
	market VARCHAR(2) NOT NULL,
	state VARCHAR(20) NOT NULL,
	since_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	reason TEXT NOT NULL,
	PRIMARY KEY (code, market)
);
-- next
CREATE TABLE batch (
	code VARCHAR(50) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	expiry VARCHAR(10) NOT NULL,
	product_version INTEGER NOT NULL,
	markets VARCHAR(400) NOT NULL,
	serial_shape VARCHAR(40) NOT NULL,
	released VARCHAR(10),
	packs INTEGER NOT NULL,
	owner VARCHAR(100) NOT NULL,
	uploaded_us BIGINT NOT NULL,
	PRIMARY KEY (code, lot)
);
-- next
CREATE TABLE lot_state (
	gtin VARCHAR(50) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	market VARCHAR(2) NOT NULL,
	state VARCHAR(20) NOT NULL,
	reason TEXT NOT NULL,
	since_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	PRIMARY KEY (gtin, lot, market)
);
-- next
CREATE TABLE stop_mark (
	id INTEGER NOT NULL,
	mark BIGINT NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE TABLE exempt_lot (
	code VARCHAR(50) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	market VARCHAR(2) NOT NULL,
	PRIMARY KEY (code, lot, market)
);
-- next
CREATE TABLE pack (
	code VARCHAR(50) NOT NULL,
	serial VARCHAR(20) NOT NULL,
	lot VARCHAR(20),
	expiry VARCHAR(10),
	state VARCHAR(20) NOT NULL,
	since_us BIGINT NOT NULL,
	location VARCHAR(100) NOT NULL,
	authorisation VARCHAR(100) NOT NULL,
	repeats INTEGER NOT NULL,
	version INTEGER NOT NULL,
	stolen INTEGER NOT NULL,
	public INTEGER NOT NULL,
	completes INTEGER DEFAULT '0' NOT NULL,
	PRIMARY KEY (code, serial)
);
-- next
CREATE INDEX pack_by_lot ON pack (lot, code);
-- next
CREATE INDEX pack_completing ON pack (code) WHERE completes = 1;
-- next
CREATE INDEX pack_locked ON pack (code) WHERE state = 'Locked';
-- next
CREATE TABLE doubt (
	gtin VARCHAR(50) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	serial VARCHAR(20) NOT NULL,
	serial_to VARCHAR(20) NOT NULL,
	case_id VARCHAR(40) NOT NULL,
	kind VARCHAR(20) NOT NULL,
	since_us BIGINT NOT NULL,
	PRIMARY KEY (gtin, lot, serial, serial_to, case_id)
);
-- next
CREATE TABLE past_doubt (
	gtin VARCHAR(50) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	serial VARCHAR(20) NOT NULL,
	serial_to VARCHAR(20) NOT NULL,
	case_id VARCHAR(40) NOT NULL,
	since_us BIGINT NOT NULL,
	kind VARCHAR(20) NOT NULL,
	until_us BIGINT NOT NULL,
	PRIMARY KEY (gtin, lot, serial, serial_to, case_id, since_us)
);
-- next
CREATE TABLE pack_operation (
	id INTEGER NOT NULL,
	at_us BIGINT NOT NULL,
	scanned_us BIGINT,
	code VARCHAR(50) NOT NULL,
	serial VARCHAR(20) NOT NULL,
	operation VARCHAR(20) NOT NULL,
	result VARCHAR(40) NOT NULL,
	client VARCHAR(100) NOT NULL,
	location VARCHAR(100) NOT NULL,
	alert VARCHAR(40),
	rules VARCHAR(64),
	PRIMARY KEY (id)
);
-- next
CREATE INDEX pack_operation_client ON pack_operation (client, at_us);
-- next
CREATE TABLE participant (
	client VARCHAR(100) NOT NULL,
	role VARCHAR(20) NOT NULL,
	location VARCHAR(100) NOT NULL,
	authorisation VARCHAR(100) NOT NULL,
	market VARCHAR(2) NOT NULL,
	since_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	PRIMARY KEY (client)
);
-- next
CREATE TABLE client_transaction (
	client VARCHAR(100) NOT NULL,
	id VARCHAR(100) NOT NULL,
	request_sha256 VARCHAR(64) NOT NULL,
	answer BLOB NOT NULL,
	at_us BIGINT NOT NULL,
	PRIMARY KEY (client, id)
);
-- next
CREATE TABLE act (
	client VARCHAR(100) NOT NULL,
	id VARCHAR(100) NOT NULL,
	request_sha256 VARCHAR(64) NOT NULL,
	answer BLOB NOT NULL,
	at_us BIGINT NOT NULL,
	event TEXT,
	PRIMARY KEY (client, id)
);
-- next
CREATE INDEX act_event ON act (event);
-- next
CREATE TABLE alert (
	id VARCHAR(40) NOT NULL,
	at_us BIGINT NOT NULL,
	hub VARCHAR(4) NOT NULL,
	result VARCHAR(40) NOT NULL,
	code VARCHAR(50) NOT NULL,
	serial VARCHAR(20) NOT NULL,
	lot VARCHAR(20),
	client VARCHAR(100) NOT NULL,
	location VARCHAR(100) NOT NULL,
	cause VARCHAR(40) NOT NULL,
	confidence VARCHAR(10) NOT NULL,
	late INTEGER NOT NULL,
	status VARCHAR(24) NOT NULL,
	market VARCHAR(2) NOT NULL,
	times INTEGER NOT NULL,
	last_us BIGINT NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX alert_at ON alert (at_us);
-- next
CREATE INDEX alert_pack ON alert (code, serial);
-- next
CREATE TABLE alert_step (
	alert VARCHAR(40) NOT NULL,
	step INTEGER NOT NULL,
	at_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	status VARCHAR(24) NOT NULL,
	reason VARCHAR(100) NOT NULL,
	comment VARCHAR(500) NOT NULL,
	PRIMARY KEY (alert, step)
);
-- next
CREATE TABLE rule_pack (
	sha256 VARCHAR(64) NOT NULL,
	id VARCHAR(40) NOT NULL,
	version VARCHAR(20) NOT NULL,
	content BLOB NOT NULL,
	first_used_us BIGINT NOT NULL,
	PRIMARY KEY (sha256)
);
-- next
CREATE TABLE bulk (
	id VARCHAR(40) NOT NULL,
	client VARCHAR(100) NOT NULL,
	who TEXT NOT NULL,
	total INTEGER NOT NULL,
	done INTEGER NOT NULL,
	received_us BIGINT NOT NULL,
	finished_us BIGINT,
	expires_us BIGINT NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE TABLE bulk_part (
	bulk VARCHAR(40) NOT NULL,
	part INTEGER NOT NULL,
	requests BLOB NOT NULL,
	answers BLOB,
	PRIMARY KEY (bulk, part)
);
-- next
CREATE TABLE repack_link (
	code VARCHAR(50) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	from_code VARCHAR(50) NOT NULL,
	from_lot VARCHAR(20) NOT NULL,
	doses INTEGER NOT NULL,
	at_us BIGINT NOT NULL,
	PRIMARY KEY (code, lot, from_code, from_lot)
);
-- next
CREATE TABLE unknown_answer (
	guesser VARCHAR(120) NOT NULL,
	day VARCHAR(10) NOT NULL,
	answers INTEGER NOT NULL,
	PRIMARY KEY (guesser, day)
);
-- next
CREATE TABLE lookup_entry (
	gtin VARCHAR(14) NOT NULL,
	base_url VARCHAR(500) NOT NULL,
	responder_gln VARCHAR(13) NOT NULL,
	contexts VARCHAR(300) NOT NULL,
	valid_from_us BIGINT NOT NULL,
	valid_to_us BIGINT,
	source VARCHAR(200) NOT NULL,
	fetched_us BIGINT NOT NULL,
	PRIMARY KEY (gtin, base_url)
);
-- next
CREATE TABLE verification_request (
	corr_uuid VARCHAR(36) NOT NULL,
	asked_us BIGINT NOT NULL,
	due_us BIGINT NOT NULL,
	next_us BIGINT,
	tries INTEGER NOT NULL,
	question BLOB NOT NULL,
	answer BLOB,
	PRIMARY KEY (corr_uuid)
);
-- next
CREATE INDEX verification_request_next ON verification_request (next_us);
-- next
CREATE TABLE saleable_return (
	id VARCHAR(40) NOT NULL,
	gtin VARCHAR(14) NOT NULL,
	serial VARCHAR(20) NOT NULL,
	at_us BIGINT NOT NULL,
	decision VARCHAR(20) NOT NULL,
	proof BLOB NOT NULL,
	question VARCHAR(36),
	follows VARCHAR(40),
	PRIMARY KEY (id)
);
-- next
CREATE INDEX saleable_return_follows ON saleable_return (follows);
-- next
CREATE INDEX saleable_return_pack ON saleable_return (gtin, serial);
-- next
CREATE INDEX saleable_return_waiting ON saleable_return (decision);
-- next
CREATE TABLE expiry_extension (
	gtin VARCHAR(14) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	expiry VARCHAR(10) NOT NULL,
	reference VARCHAR(200) NOT NULL,
	since_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	PRIMARY KEY (gtin, lot)
);
-- next
CREATE TABLE sensor_rule (
	gtin VARCHAR(14) NOT NULL,
	is_on INTEGER NOT NULL,
	limits TEXT NOT NULL,
	since_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	PRIMARY KEY (gtin)
);
-- next
CREATE TABLE anomaly (
	id VARCHAR(40) NOT NULL,
	at_us BIGINT NOT NULL,
	kind VARCHAR(40) NOT NULL,
	severity VARCHAR(10) NOT NULL,
	code VARCHAR(50) NOT NULL,
	serial VARCHAR(20) NOT NULL,
	client VARCHAR(100) NOT NULL,
	what TEXT NOT NULL,
	hint TEXT NOT NULL,
	closed_us BIGINT,
	closed_by VARCHAR(100),
	comment VARCHAR(500),
	PRIMARY KEY (id)
);
-- next
CREATE INDEX anomaly_at ON anomaly (at_us);
-- next
CREATE TABLE anomaly_watch (
	name VARCHAR(20) NOT NULL,
	seen BIGINT NOT NULL,
	PRIMARY KEY (name)
);
-- next
CREATE TABLE answer_aside (
	journal VARCHAR(32) NOT NULL,
	taken BIGINT NOT NULL,
	PRIMARY KEY (journal)
);
-- next
CREATE TABLE national_login (
	login_id VARCHAR(100) NOT NULL,
	user_id VARCHAR(100) NOT NULL,
	client VARCHAR(100) NOT NULL,
	party VARCHAR(100),
	password VARCHAR(200) NOT NULL,
	is_initial INTEGER NOT NULL,
	failures INTEGER NOT NULL,
	changed_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	PRIMARY KEY (login_id, user_id)
);
-- next
CREATE TABLE ledger_subject (
	run BIGINT NOT NULL,
	subject BLOB NOT NULL,
	place BIGINT NOT NULL,
	PRIMARY KEY (run, subject, place)
)
 WITHOUT ROWID;
-- next
CREATE TABLE ledger_entry (
	id INTEGER NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	txid BIGINT DEFAULT '0' NOT NULL,
	idx BIGINT,
	kind SMALLINT NOT NULL,
	subject BLOB NOT NULL,
	public_hash BLOB NOT NULL,
	confidential_hash BLOB NOT NULL,
	salt BLOB,
	public BLOB,
	confidential BLOB,
	event BIGINT,
	record_time BIGINT NOT NULL,
	leaf BLOB,
	PRIMARY KEY (id),
	UNIQUE (idx)
);
-- next
CREATE INDEX ledger_entry_by_event ON ledger_entry (event) WHERE event IS NOT NULL;
-- next
CREATE INDEX ledger_entry_by_subject ON ledger_entry (subject) WHERE event IS NULL AND kind NOT IN (4, 5);
-- next
CREATE INDEX ledger_entry_waiting ON ledger_entry (id) WHERE idx IS NULL;
-- next
CREATE TABLE ledger_tile (
	level SMALLINT NOT NULL,
	number BIGINT NOT NULL,
	hashes BLOB NOT NULL,
	PRIMARY KEY (level, number)
);
-- next
CREATE TABLE ledger_head (
	tenant SMALLINT NOT NULL,
	origin TEXT NOT NULL,
	size BIGINT NOT NULL,
	record_time BIGINT NOT NULL,
	frontier BLOB NOT NULL,
	PRIMARY KEY (tenant)
);
-- next
CREATE TABLE ledger_checkpoint (
	size BIGINT NOT NULL,
	root BLOB NOT NULL,
	made BIGINT NOT NULL,
	note TEXT,
	timestamp BLOB,
	PRIMARY KEY (size)
);
-- next
CREATE TABLE ledger_witness (
	id INTEGER NOT NULL,
	size BIGINT NOT NULL,
	root BLOB NOT NULL,
	witness TEXT NOT NULL,
	announced_at BIGINT NOT NULL,
	agrees SMALLINT NOT NULL,
	note TEXT NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX ledger_witness_by_size ON ledger_witness (size);
-- next
CREATE TABLE ledger_key (
	name TEXT NOT NULL,
	key_id BLOB NOT NULL,
	public_key BLOB NOT NULL,
	added BIGINT NOT NULL,
	PRIMARY KEY (name, key_id)
);
-- next
CREATE TABLE recall (
	id VARCHAR(40) NOT NULL,
	kind VARCHAR(20) NOT NULL,
	gtin VARCHAR(14) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	serial VARCHAR(20) NOT NULL,
	serial_to VARCHAR(20) NOT NULL,
	since_us BIGINT,
	until_us BIGINT,
	place VARCHAR(13) NOT NULL,
	market VARCHAR(2) NOT NULL,
	reason TEXT NOT NULL,
	class VARCHAR(3) NOT NULL,
	depth VARCHAR(20) NOT NULL,
	drill INTEGER NOT NULL,
	facts TEXT NOT NULL,
	opened_us BIGINT NOT NULL,
	opened_by VARCHAR(100) NOT NULL,
	approved_us BIGINT,
	approved_by VARCHAR(100),
	closed_us BIGINT,
	closed_by VARCHAR(100),
	packs INTEGER NOT NULL,
	packs_at_opening INTEGER NOT NULL,
	reach_at_opening TEXT NOT NULL,
	list_sha256 VARCHAR(64) NOT NULL,
	last_item BIGINT NOT NULL,
	check_level VARCHAR(1) NOT NULL,
	check_percent INTEGER NOT NULL,
	withdraw_why TEXT,
	withdraw_asked_by VARCHAR(100),
	withdrawn_us BIGINT,
	withdrawn_by VARCHAR(100),
	PRIMARY KEY (id)
);
-- next
CREATE INDEX recall_gtin ON recall (gtin, lot);
-- next
CREATE TABLE recall_contact (
	gln VARCHAR(13) NOT NULL,
	email VARCHAR(254) NOT NULL,
	phone VARCHAR(40) NOT NULL,
	webhook TEXT NOT NULL,
	token VARCHAR(100) NOT NULL,
	changed_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	PRIMARY KEY (gln)
);
-- next
CREATE TABLE api_key (
	id VARCHAR(16) NOT NULL,
	name VARCHAR(100) NOT NULL,
	secret_sha256 VARCHAR(64) NOT NULL,
	scopes VARCHAR(200) NOT NULL,
	party VARCHAR(100),
	role VARCHAR(20) DEFAULT '' NOT NULL,
	created_us BIGINT NOT NULL,
	expires_us BIGINT,
	revoked_us BIGINT,
	PRIMARY KEY (id)
);
-- next
CREATE TABLE access_lock (
	id INTEGER NOT NULL,
	since_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE TABLE site_profile (
	id INTEGER NOT NULL,
	kind VARCHAR(20) NOT NULL,
	name VARCHAR(100) NOT NULL,
	gln VARCHAR(13) NOT NULL,
	licence VARCHAR(100) NOT NULL,
	country VARCHAR(2) NOT NULL,
	time_zone VARCHAR(60) NOT NULL,
	files VARCHAR(20) NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	changed_us BIGINT NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE TABLE user_account (
	name VARCHAR(100) NOT NULL,
	password VARCHAR(200) NOT NULL,
	scopes VARCHAR(200) NOT NULL,
	party VARCHAR(100),
	role VARCHAR(20) DEFAULT '' NOT NULL,
	changed_us BIGINT NOT NULL,
	ended_us BIGINT,
	"by" VARCHAR(100) NOT NULL,
	PRIMARY KEY (name)
);
-- next
CREATE TABLE browser_session (
	token_sha256 VARCHAR(64) NOT NULL,
	id VARCHAR(16) NOT NULL,
	name VARCHAR(100) NOT NULL,
	scopes VARCHAR(200) NOT NULL,
	party VARCHAR(100),
	role VARCHAR(20) DEFAULT '' NOT NULL,
	started_us BIGINT NOT NULL,
	fresh_us BIGINT NOT NULL,
	expires_us BIGINT NOT NULL,
	ended_us BIGINT,
	client VARCHAR(64) NOT NULL,
	PRIMARY KEY (token_sha256),
	UNIQUE (id)
);
-- next
CREATE TABLE session_use (
	session VARCHAR(16) NOT NULL,
	seen_us BIGINT NOT NULL,
	PRIMARY KEY (session)
);
-- next
CREATE TABLE approval (
	id VARCHAR(16) NOT NULL,
	act VARCHAR(20) NOT NULL,
	request_sha256 VARCHAR(64) NOT NULL,
	what TEXT NOT NULL,
	scope VARCHAR(20) NOT NULL,
	party VARCHAR(100),
	asked_by VARCHAR(100) NOT NULL,
	asked_us BIGINT NOT NULL,
	approved_by VARCHAR(100),
	approved_us BIGINT,
	used_us BIGINT,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX approval_request ON approval (request_sha256);
-- next
CREATE TABLE purpose_read (
	id VARCHAR(16) NOT NULL,
	at_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	role VARCHAR(20) NOT NULL,
	purpose VARCHAR(200) NOT NULL,
	address VARCHAR(200) NOT NULL,
	owner VARCHAR(100) NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX purpose_read_at ON purpose_read (at_us);
-- next
CREATE TABLE sign_in_failure (
	name VARCHAR(100) NOT NULL,
	client VARCHAR(64) NOT NULL,
	failures INTEGER NOT NULL,
	last_us BIGINT NOT NULL,
	PRIMARY KEY (name, client)
);
-- next
CREATE TABLE sign_in_link (
	token_sha256 VARCHAR(64) NOT NULL,
	name VARCHAR(100) NOT NULL,
	scopes VARCHAR(200) NOT NULL,
	party VARCHAR(100),
	role VARCHAR(20) DEFAULT '' NOT NULL,
	expires_us BIGINT NOT NULL,
	used_us BIGINT,
	PRIMARY KEY (token_sha256)
);
-- next
CREATE TABLE partner_licence (
	id VARCHAR(40) NOT NULL,
	gln VARCHAR(13) NOT NULL,
	name VARCHAR(200) NOT NULL,
	role VARCHAR(20) NOT NULL,
	kind VARCHAR(40) NOT NULL,
	authority VARCHAR(200) NOT NULL,
	number VARCHAR(100) NOT NULL,
	valid_from VARCHAR(10) NOT NULL,
	valid_to VARCHAR(10),
	ended VARCHAR(10),
	source TEXT NOT NULL,
	checked_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX partner_licence_gln ON partner_licence (gln);
-- next
CREATE TABLE case_file (
	id VARCHAR(40) NOT NULL,
	kind VARCHAR(20) NOT NULL,
	category VARCHAR(40) NOT NULL,
	state VARCHAR(30) NOT NULL,
	opened_us BIGINT NOT NULL,
	opened_by VARCHAR(100) NOT NULL,
	gtin VARCHAR(14) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	serial VARCHAR(20) NOT NULL,
	partner VARCHAR(13) NOT NULL,
	what TEXT NOT NULL,
	illegitimate_us BIGINT,
	incident VARCHAR(40) NOT NULL,
	facts TEXT NOT NULL,
	mark VARCHAR(200) NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX case_file_mark ON case_file (mark);
-- next
CREATE INDEX case_file_opened ON case_file (opened_us);
-- next
CREATE TABLE quarantine (
	id VARCHAR(40) NOT NULL,
	kind VARCHAR(20) NOT NULL,
	gtin VARCHAR(14) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	serial VARCHAR(20) NOT NULL,
	serial_to VARCHAR(20) NOT NULL,
	"key" VARCHAR(200) NOT NULL,
	document VARCHAR(200) NOT NULL,
	reason TEXT NOT NULL,
	owner VARCHAR(100) NOT NULL,
	placed_us BIGINT NOT NULL,
	placed_by VARCHAR(100) NOT NULL,
	due_us BIGINT NOT NULL,
	released_us BIGINT,
	released_by VARCHAR(100),
	why TEXT NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE TABLE system_audit (
	id VARCHAR(40) NOT NULL,
	planned VARCHAR(10) NOT NULL,
	scope TEXT NOT NULL,
	auditor VARCHAR(200) NOT NULL,
	done VARCHAR(10),
	outcome TEXT NOT NULL,
	entered_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE TABLE service_time (
	day VARCHAR(10) NOT NULL,
	area VARCHAR(20) NOT NULL,
	limit_ms INTEGER NOT NULL,
	answers BIGINT NOT NULL,
	PRIMARY KEY (day, area, limit_ms)
);
-- next
CREATE TABLE exchange_channel (
	name VARCHAR(60) NOT NULL,
	kind VARCHAR(20) NOT NULL,
	partner VARCHAR(13) NOT NULL,
	settings TEXT NOT NULL,
	secrets TEXT NOT NULL,
	created BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	ended BIGINT,
	PRIMARY KEY (name)
);
-- next
CREATE TABLE exchange_refusal (
	id INTEGER NOT NULL,
	channel VARCHAR(60) NOT NULL,
	at BIGINT NOT NULL,
	sender VARCHAR(200) NOT NULL,
	message_id VARCHAR(250) NOT NULL,
	code VARCHAR(60) NOT NULL,
	what TEXT NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX exchange_refusal_channel ON exchange_refusal (channel, id);
-- next
CREATE TABLE archive_file (
	id INTEGER NOT NULL,
	holds TEXT NOT NULL,
	month TEXT NOT NULL,
	name TEXT NOT NULL,
	folder TEXT NOT NULL,
	records INTEGER NOT NULL,
	size_bytes BIGINT NOT NULL,
	sha256 BLOB NOT NULL,
	oldest BIGINT NOT NULL,
	newest BIGINT NOT NULL,
	made BIGINT NOT NULL,
	made_by TEXT NOT NULL,
	restored BIGINT,
	restored_by TEXT,
	erased BIGINT,
	erased_by TEXT,
	PRIMARY KEY (id),
	UNIQUE (name)
);
-- next
CREATE INDEX archive_file_by_month ON archive_file (holds, month);
-- next
CREATE TABLE event_word (
	word BIGINT NOT NULL,
	seq BIGINT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (word, seq)
)
 WITHOUT ROWID;
-- next
CREATE INDEX event_word_by_seq ON event_word (seq);
-- next
CREATE TABLE event_field (
	field BIGINT NOT NULL,
	seq BIGINT NOT NULL,
	position INTEGER NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	number FLOAT,
	instant BIGINT,
	text TEXT,
	PRIMARY KEY (field, seq, position)
)
 WITHOUT ROWID;
-- next
CREATE INDEX event_field_by_seq ON event_field (seq);
-- next
CREATE TABLE event_sensor (
	seq BIGINT NOT NULL,
	position INTEGER NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	type TEXT,
	device TEXT,
	element_device TEXT,
	method TEXT,
	element_method TEXT,
	rules TEXT,
	element_rules TEXT,
	microorganism TEXT,
	substance TEXT,
	string_value TEXT,
	boolean_value BOOLEAN,
	hex_value TEXT,
	uri_value TEXT,
	time BIGINT,
	element_time BIGINT,
	start_time BIGINT,
	end_time BIGINT,
	uom TEXT,
	value FLOAT,
	min_value FLOAT,
	max_value FLOAT,
	mean_value FLOAT,
	s_dev FLOAT,
	perc_rank FLOAT,
	perc_value FLOAT,
	PRIMARY KEY (seq, position)
)
 WITHOUT ROWID;
-- next
CREATE INDEX event_sensor_by_type ON event_sensor (type, seq);
-- next
CREATE TABLE named_query (
	name TEXT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	made BIGINT NOT NULL,
	owner TEXT NOT NULL,
	party TEXT,
	"query" BLOB NOT NULL,
	PRIMARY KEY (name)
);
-- next
CREATE TABLE subscription (
	id TEXT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	"query" TEXT NOT NULL,
	parameters BLOB,
	version TEXT NOT NULL,
	owner TEXT NOT NULL,
	party TEXT,
	dest TEXT NOT NULL,
	token TEXT,
	schedule TEXT,
	report_if_empty BOOLEAN DEFAULT '0' NOT NULL,
	syntax TEXT NOT NULL,
	epc_format TEXT NOT NULL,
	cbv_format TEXT NOT NULL,
	made BIGINT NOT NULL,
	initial_record_time BIGINT NOT NULL,
	acknowledged_seq BIGINT NOT NULL,
	acknowledged_txid BIGINT DEFAULT '0' NOT NULL,
	acknowledged_record_time BIGINT NOT NULL,
	due BIGINT NOT NULL,
	attempts INTEGER DEFAULT '0' NOT NULL,
	last_notified BIGINT,
	error TEXT,
	suspended BOOLEAN DEFAULT '0' NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX subscription_by_due ON subscription (suspended, due);
-- next
CREATE INDEX subscription_by_query ON subscription ("query");
-- next
CREATE TABLE ended_page_token (
	digest BLOB NOT NULL,
	expires BIGINT NOT NULL,
	PRIMARY KEY (digest)
);
-- next
CREATE TABLE trace_request (
	id VARCHAR(40) NOT NULL,
	reference VARCHAR(100) NOT NULL,
	investigation VARCHAR(100) NOT NULL,
	organisation VARCHAR(200) NOT NULL,
	department VARCHAR(200) NOT NULL,
	contact VARCHAR(254) NOT NULL,
	gln VARCHAR(13) NOT NULL,
	authority INTEGER NOT NULL,
	authenticated TEXT NOT NULL,
	response_type VARCHAR(30) NOT NULL,
	reason VARCHAR(40) NOT NULL,
	circumstances TEXT NOT NULL,
	incident VARCHAR(40) NOT NULL,
	drill INTEGER NOT NULL,
	role VARCHAR(20) NOT NULL,
	owner VARCHAR(13) NOT NULL,
	received_us BIGINT NOT NULL,
	due_us BIGINT NOT NULL,
	entered_by VARCHAR(100) NOT NULL,
	ended_us BIGINT,
	ended_by VARCHAR(100),
	outcome VARCHAR(20) NOT NULL,
	note TEXT NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE TABLE export_job (
	id VARCHAR(40) NOT NULL,
	selection TEXT NOT NULL,
	redaction VARCHAR(20) NOT NULL,
	party VARCHAR(100),
	"by" VARCHAR(100) NOT NULL,
	asked BIGINT NOT NULL,
	state VARCHAR(20) NOT NULL,
	done BIGINT NOT NULL,
	total BIGINT NOT NULL,
	finished BIGINT,
	sha256 VARCHAR(64),
	error TEXT,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX export_job_by_state ON export_job (state, asked);
-- next
CREATE TABLE legal_hold (
	id VARCHAR(40) NOT NULL,
	reason TEXT NOT NULL,
	gtin VARCHAR(14),
	lot VARCHAR(20),
	serial VARCHAR(20),
	case_id VARCHAR(40),
	party VARCHAR(100),
	since BIGINT,
	until BIGINT,
	opened BIGINT NOT NULL,
	opened_by VARCHAR(100) NOT NULL,
	released BIGINT,
	released_by VARCHAR(100),
	released_why TEXT,
	PRIMARY KEY (id)
);
-- next
CREATE TABLE erasure (
	id INTEGER NOT NULL,
	at BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	record VARCHAR(40) NOT NULL,
	entries BIGINT NOT NULL,
	"before" BIGINT NOT NULL,
	rule TEXT NOT NULL,
	digest VARCHAR(64) NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE TABLE sealed_key (
	name VARCHAR(60) NOT NULL,
	sealed BLOB NOT NULL,
	changed BIGINT NOT NULL,
	PRIMARY KEY (name)
);
-- next
CREATE TABLE trade_order (
	number VARCHAR(100) NOT NULL,
	customer VARCHAR(100) NOT NULL,
	site VARCHAR(100) NOT NULL,
	due VARCHAR(10) NOT NULL,
	days_left_min INTEGER NOT NULL,
	state VARCHAR(10) NOT NULL,
	opened_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	ended_us BIGINT,
	why TEXT NOT NULL,
	PRIMARY KEY (number)
);
-- next
CREATE TABLE order_line (
	"order" VARCHAR(100) NOT NULL,
	line INTEGER NOT NULL,
	gtin VARCHAR(14) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	packs INTEGER NOT NULL,
	PRIMARY KEY ("order", line)
);
-- next
CREATE INDEX order_line_gtin ON order_line (gtin);
-- next
CREATE TABLE order_pick (
	"order" VARCHAR(100) NOT NULL,
	pack TEXT NOT NULL,
	line INTEGER NOT NULL,
	lot VARCHAR(20) NOT NULL,
	event TEXT NOT NULL,
	PRIMARY KEY ("order", pack)
);
-- next
CREATE INDEX order_pick_event ON order_pick (event);
-- next
CREATE INDEX order_pick_pack ON order_pick (pack);
-- next
CREATE TABLE count_session (
	id VARCHAR(40) NOT NULL,
	place TEXT NOT NULL,
	gtin VARCHAR(14) NOT NULL,
	is_blind BOOLEAN NOT NULL,
	is_opened BOOLEAN NOT NULL,
	state VARCHAR(10) NOT NULL,
	opened_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	ended_us BIGINT,
	ended_by VARCHAR(100) NOT NULL,
	why TEXT NOT NULL,
	expected INTEGER NOT NULL,
	as_recorded INTEGER NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE TABLE count_scan (
	session VARCHAR(40) NOT NULL,
	round INTEGER NOT NULL,
	"key" TEXT NOT NULL,
	place TEXT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	at_us BIGINT NOT NULL,
	batch VARCHAR(40) NOT NULL,
	PRIMARY KEY (session, round, "key")
);
-- next
CREATE INDEX count_scan_batch ON count_scan (batch);
-- next
CREATE INDEX count_scan_key ON count_scan ("key");
-- next
CREATE TABLE count_recount (
	session VARCHAR(40) NOT NULL,
	round INTEGER NOT NULL,
	place TEXT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	at_us BIGINT NOT NULL,
	why TEXT NOT NULL,
	PRIMARY KEY (session, round)
);
-- next
CREATE TABLE count_result (
	session VARCHAR(40) NOT NULL,
	"key" TEXT NOT NULL,
	finding VARCHAR(30) NOT NULL,
	gtin VARCHAR(14) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	counted_at TEXT NOT NULL,
	recorded_at TEXT NOT NULL,
	event TEXT NOT NULL,
	seen_us BIGINT,
	seen_at TEXT NOT NULL,
	seen_by TEXT NOT NULL,
	PRIMARY KEY (session, "key")
);
-- next
CREATE INDEX count_result_key ON count_result ("key");
-- next
CREATE TABLE lot_inspection (
	id VARCHAR(40) NOT NULL,
	gtin VARCHAR(14) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	site TEXT NOT NULL,
	quarantine VARCHAR(40) NOT NULL,
	lot_packs INTEGER NOT NULL,
	sample_size INTEGER NOT NULL,
	failed_max INTEGER NOT NULL,
	state VARCHAR(10) NOT NULL,
	opened_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	why TEXT NOT NULL,
	ended_us BIGINT,
	ended_by VARCHAR(100) NOT NULL,
	ended_why TEXT NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX lot_inspection_lot ON lot_inspection (gtin, lot);
-- next
CREATE TABLE inspection_sample (
	inspection VARCHAR(40) NOT NULL,
	"key" TEXT NOT NULL,
	is_drawn BOOLEAN NOT NULL,
	place TEXT NOT NULL,
	result VARCHAR(10) NOT NULL,
	note TEXT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	at_us BIGINT,
	event TEXT NOT NULL,
	PRIMARY KEY (inspection, "key")
);
-- next
CREATE TABLE lease (
	work TEXT NOT NULL,
	holder TEXT NOT NULL,
	until_us BIGINT NOT NULL,
	PRIMARY KEY (work)
);
-- next
CREATE TABLE shared_part (
	file TEXT NOT NULL,
	part INTEGER NOT NULL,
	content BLOB NOT NULL,
	PRIMARY KEY (file, part)
);
-- next
CREATE TABLE serial_pool (
	id VARCHAR(24) NOT NULL,
	kind VARCHAR(10) NOT NULL,
	code VARCHAR(18) NOT NULL,
	is_sscc INTEGER NOT NULL,
	template VARCHAR(20) NOT NULL,
	alphabet VARCHAR(64) NOT NULL,
	first BIGINT NOT NULL,
	capacity BIGINT NOT NULL,
	next BIGINT NOT NULL,
	refill_at BIGINT NOT NULL,
	guessable_because TEXT NOT NULL,
	secret BLOB NOT NULL,
	opened_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	closed_us BIGINT,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX serial_pool_code ON serial_pool (code);
-- next
CREATE TABLE serial_grant (
	id VARCHAR(24) NOT NULL,
	pool VARCHAR(24) NOT NULL,
	request_id VARCHAR(100) NOT NULL,
	line VARCHAR(100) NOT NULL,
	first BIGINT NOT NULL,
	"after" BIGINT NOT NULL,
	count INTEGER NOT NULL,
	printed INTEGER NOT NULL,
	returned INTEGER NOT NULL,
	at_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (request_id)
);
-- next
CREATE INDEX serial_grant_pool ON serial_grant (pool, first);
-- next
CREATE TABLE serial (
	pool VARCHAR(24) NOT NULL,
	place BIGINT NOT NULL,
	state VARCHAR(10) NOT NULL,
	batch VARCHAR(24) NOT NULL,
	at_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	reason TEXT NOT NULL,
	PRIMARY KEY (pool, place)
);
-- next
CREATE INDEX serial_batch ON serial (batch);
-- next
CREATE TABLE serial_imported (
	pool VARCHAR(24) NOT NULL,
	place BIGINT NOT NULL,
	code VARCHAR(18) NOT NULL,
	serial VARCHAR(20) NOT NULL,
	tail TEXT NOT NULL,
	batch VARCHAR(24) NOT NULL,
	PRIMARY KEY (pool, place)
);
-- next
CREATE INDEX serial_imported_batch ON serial_imported (batch);
-- next
CREATE UNIQUE INDEX serial_imported_once ON serial_imported (code, serial);
-- next
CREATE TABLE recall_pack (
	recall VARCHAR(40) NOT NULL,
	"key" VARCHAR(200) NOT NULL,
	how VARCHAR(20) NOT NULL,
	PRIMARY KEY (recall, "key"),
	FOREIGN KEY(recall) REFERENCES recall (id)
);
-- next
CREATE TABLE recall_arrival (
	recall VARCHAR(40) NOT NULL,
	"key" VARCHAR(200) NOT NULL,
	at_us BIGINT NOT NULL,
	PRIMARY KEY (recall, "key"),
	FOREIGN KEY(recall) REFERENCES recall (id)
);
-- next
CREATE TABLE recall_notice (
	id VARCHAR(40) NOT NULL,
	recall VARCHAR(40) NOT NULL,
	party VARCHAR(100) NOT NULL,
	name VARCHAR(200),
	packs INTEGER NOT NULL,
	named_packs INTEGER NOT NULL,
	due_us BIGINT,
	sent_us BIGINT,
	last_sent_us BIGINT,
	messages INTEGER NOT NULL,
	channel TEXT NOT NULL,
	fault TEXT NOT NULL,
	escalated_us BIGINT,
	acknowledged_us BIGINT,
	PRIMARY KEY (id),
	FOREIGN KEY(recall) REFERENCES recall (id)
);
-- next
CREATE INDEX recall_notice_recall ON recall_notice (recall);
-- next
CREATE TABLE recall_lot (
	recall VARCHAR(40) NOT NULL,
	gtin VARCHAR(14) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	PRIMARY KEY (recall, gtin, lot),
	FOREIGN KEY(recall) REFERENCES recall (id)
);
-- next
CREATE TABLE case_item (
	"case" VARCHAR(40) NOT NULL,
	"key" VARCHAR(200) NOT NULL,
	PRIMARY KEY ("case", "key"),
	FOREIGN KEY("case") REFERENCES case_file (id)
);
-- next
CREATE INDEX case_item_key ON case_item ("key");
-- next
CREATE TABLE case_step (
	"case" VARCHAR(40) NOT NULL,
	step INTEGER NOT NULL,
	at_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	act VARCHAR(30) NOT NULL,
	note TEXT NOT NULL,
	PRIMARY KEY ("case", step),
	FOREIGN KEY("case") REFERENCES case_file (id)
);
-- next
CREATE TABLE quarantine_item (
	quarantine VARCHAR(40) NOT NULL,
	"key" VARCHAR(200) NOT NULL,
	PRIMARY KEY (quarantine, "key"),
	FOREIGN KEY(quarantine) REFERENCES quarantine (id)
);
-- next
CREATE INDEX quarantine_item_key ON quarantine_item ("key");
-- next
CREATE TABLE exchange_certificate (
	channel VARCHAR(60) NOT NULL,
	owner VARCHAR(10) NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	pem TEXT NOT NULL,
	sealed_key TEXT NOT NULL,
	valid_from BIGINT NOT NULL,
	valid_to BIGINT NOT NULL,
	added BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	ended BIGINT,
	PRIMARY KEY (channel, owner, sha256),
	FOREIGN KEY(channel) REFERENCES exchange_channel (name)
);
-- next
CREATE TABLE exchange_message (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	channel VARCHAR(60) NOT NULL,
	direction VARCHAR(3) NOT NULL,
	message_id VARCHAR(250) NOT NULL,
	file_name VARCHAR(200) NOT NULL,
	media_type VARCHAR(100) NOT NULL,
	size_bytes INTEGER NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	state VARCHAR(20) NOT NULL,
	created BIGINT NOT NULL,
	understood BIGINT,
	kept BIGINT,
	acknowledged BIGINT,
	delivered BIGINT,
	receipted BIGINT,
	reason TEXT NOT NULL,
	job VARCHAR(40) NOT NULL,
	outcome BLOB,
	reply_to TEXT NOT NULL,
	mic VARCHAR(200) NOT NULL,
	receipt_type TEXT NOT NULL,
	receipt BLOB,
	attempts INTEGER NOT NULL,
	next_try BIGINT,
	CONSTRAINT exchange_message_once UNIQUE (channel, direction, message_id),
	FOREIGN KEY(channel) REFERENCES exchange_channel (name)
);
-- next
CREATE INDEX exchange_message_due ON exchange_message (channel, id) WHERE state IN ('received', 'understood', 'waiting', 'delivered');
-- next
CREATE TABLE exchange_rule (
	channel VARCHAR(60) NOT NULL,
	sends VARCHAR(20) NOT NULL,
	style TEXT NOT NULL,
	changed BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	ended BIGINT,
	PRIMARY KEY (channel, sends),
	FOREIGN KEY(channel) REFERENCES exchange_channel (name)
);
-- next
CREATE TABLE exchange_due (
	id INTEGER NOT NULL,
	channel VARCHAR(60) NOT NULL,
	sends VARCHAR(20) NOT NULL,
	subject VARCHAR(100) NOT NULL,
	created BIGINT NOT NULL,
	reason TEXT NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT exchange_due_once UNIQUE (channel, sends, subject),
	FOREIGN KEY(channel) REFERENCES exchange_channel (name)
);
-- next
CREATE TABLE trace_request_item (
	request VARCHAR(40) NOT NULL,
	number INTEGER NOT NULL,
	gtin VARCHAR(14) NOT NULL,
	serial VARCHAR(20) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	PRIMARY KEY (request, number),
	FOREIGN KEY(request) REFERENCES trace_request (id)
);
-- next
CREATE TABLE recall_link (
	token_sha256 VARCHAR(64) NOT NULL,
	notice VARCHAR(40) NOT NULL,
	made_us BIGINT NOT NULL,
	PRIMARY KEY (token_sha256),
	FOREIGN KEY(notice) REFERENCES recall_notice (id)
);
-- next
CREATE TABLE recall_answer (
	id VARCHAR(40) NOT NULL,
	notice VARCHAR(40) NOT NULL,
	at_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	entered_by VARCHAR(100) NOT NULL,
	received INTEGER NOT NULL,
	found INTEGER NOT NULL,
	quarantined INTEGER NOT NULL,
	returned INTEGER NOT NULL,
	destroyed INTEGER NOT NULL,
	note TEXT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(notice) REFERENCES recall_notice (id)
);
-- next
CREATE INDEX recall_answer_notice ON recall_answer (notice);
-- next
CREATE TABLE recall_check (
	notice VARCHAR(40) NOT NULL,
	recall VARCHAR(40) NOT NULL,
	chosen_us BIGINT NOT NULL,
	checked_us BIGINT,
	"by" VARCHAR(100) NOT NULL,
	how VARCHAR(20) NOT NULL,
	outcome VARCHAR(20) NOT NULL,
	note TEXT NOT NULL,
	PRIMARY KEY (notice),
	FOREIGN KEY(notice) REFERENCES recall_notice (id),
	FOREIGN KEY(recall) REFERENCES recall (id)
);
-- next
CREATE INDEX recall_check_recall ON recall_check (recall);
-- next
CREATE TABLE recall_return (
	notice VARCHAR(40) NOT NULL,
	"key" VARCHAR(200) NOT NULL,
	recall VARCHAR(40) NOT NULL,
	at_us BIGINT NOT NULL,
	"by" VARCHAR(100) NOT NULL,
	outcome VARCHAR(30) NOT NULL,
	PRIMARY KEY (notice, "key"),
	FOREIGN KEY(notice) REFERENCES recall_notice (id),
	FOREIGN KEY(recall) REFERENCES recall (id)
);
-- next
CREATE INDEX recall_return_key ON recall_return (recall, "key");
-- next
CREATE TABLE exchange_body (
	message INTEGER NOT NULL,
	part INTEGER NOT NULL,
	content BLOB NOT NULL,
	PRIMARY KEY (message, part),
	FOREIGN KEY(message) REFERENCES exchange_message (id)
);
-- next
CREATE TRIGGER IF NOT EXISTS ledger_entry_stays BEFORE DELETE ON ledger_entry
    BEGIN SELECT RAISE(ABORT, 'entries of the log are never deleted'); END;
-- next
CREATE TRIGGER IF NOT EXISTS ledger_entry_is_fixed BEFORE UPDATE ON ledger_entry
    WHEN NOT (
      new.kind = old.kind AND new.subject = old.subject AND new.public_hash = old.public_hash
      AND new.confidential_hash = old.confidential_hash AND new.public IS old.public
      AND new.event IS old.event AND new.idx IS old.idx AND new.leaf IS old.leaf
      AND new.record_time = old.record_time AND new.salt IS NULL AND new.confidential IS NULL)
    BEGIN SELECT RAISE(ABORT, 'entries of the log are never changed'); END;
-- next
CREATE TRIGGER IF NOT EXISTS ledger_checkpoint_stays BEFORE DELETE ON ledger_checkpoint
    BEGIN SELECT RAISE(ABORT, 'checkpoints are never deleted'); END;
-- next
CREATE TRIGGER IF NOT EXISTS ledger_checkpoint_is_fixed BEFORE UPDATE ON ledger_checkpoint
    WHEN new.size <> old.size OR new.root <> old.root
    BEGIN SELECT RAISE(ABORT, 'checkpoints are never changed'); END;
-- next
CREATE VIEW IF NOT EXISTS item_key AS SELECT key, id FROM item_key_settled UNION ALL SELECT key, id FROM item_key_even UNION ALL SELECT key, id FROM item_key_odd;
