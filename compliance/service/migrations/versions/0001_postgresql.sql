CREATE SEQUENCE item_block;
-- next
CREATE TABLE document (
	id BIGSERIAL NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	sha256 BYTEA NOT NULL,
	received BIGINT NOT NULL,
	sender TEXT,
	party TEXT,
	syntax TEXT NOT NULL,
	size_bytes BIGINT NOT NULL,
	events INTEGER DEFAULT '0' NOT NULL,
	header BYTEA,
	findings BYTEA,
	archive BIGINT,
	PRIMARY KEY (id),
	UNIQUE (sha256)
);
-- next
COMMENT ON COLUMN document.sender IS 'as the mailbox, API key or SBDH names it';
-- next
COMMENT ON COLUMN document.party IS 'canonical GLN key of the capturing party';
-- next
COMMENT ON COLUMN document.syntax IS 'xml-1.2, xml-2.0, json-ld or internal';
-- next
COMMENT ON COLUMN document.header IS 'epcis.model.Header, MessagePack, zstd';
-- next
COMMENT ON COLUMN document.findings IS 'epcis.capture.ReadingNotes: JSON, zstd';
-- next
COMMENT ON COLUMN document.archive IS 'archive_file.id where its bytes are; None: here';
-- next
CREATE TABLE outbox (
	id BIGSERIAL NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	document BIGINT NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (id)
);
-- next
COMMENT ON TABLE outbox IS 'captured documents that somebody still has to judge; a row ends when that is done';
-- next
CREATE TABLE document_part (
	document BIGINT NOT NULL,
	part INTEGER NOT NULL,
	content BYTEA NOT NULL,
	PRIMARY KEY (document, part)
);
-- next
COMMENT ON COLUMN document_part.content IS 'a piece of the bytes received, zstd';
-- next
CREATE TABLE event (
	seq BIGSERIAL NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	txid BIGINT DEFAULT '0' NOT NULL,
	document BIGINT,
	position INTEGER,
	identity BYTEA NOT NULL,
	hash BYTEA NOT NULL,
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
	payload BYTEA NOT NULL,
	archive BIGINT,
	PRIMARY KEY (seq),
	UNIQUE (identity)
);
-- next
CREATE INDEX event_by_arrival ON event (txid, seq);
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
COMMENT ON COLUMN event.txid IS 'see arrival.py';
-- next
COMMENT ON COLUMN event.document IS 'None for events Packtrail made itself';
-- next
COMMENT ON COLUMN event.position IS '0-based place among the document''s events';
-- next
COMMENT ON COLUMN event.hash IS 'CBV event hash, SHA-256';
-- next
COMMENT ON COLUMN event.event_id IS 'as sent, or the ni: URI of the hash';
-- next
COMMENT ON COLUMN event.biz_step IS 'bare word';
-- next
COMMENT ON COLUMN event.disposition IS 'bare word';
-- next
COMMENT ON COLUMN event.read_point IS 'canonical key, or the URI as it is';
-- next
COMMENT ON COLUMN event.biz_location IS 'canonical key, or the URI as it is';
-- next
COMMENT ON COLUMN event.parent IS 'item id of parentID';
-- next
COMMENT ON COLUMN event.moment IS 'order in which events count, see moments.py';
-- next
COMMENT ON COLUMN event.declared_error IS 'declarationTime where it is an error declaration';
-- next
COMMENT ON COLUMN event.error_reason IS 'bare word';
-- next
COMMENT ON COLUMN event.voided IS 'declared wrong';
-- next
COMMENT ON COLUMN event.epcs IS 'how many EPCs it names, parent apart';
-- next
COMMENT ON COLUMN event.payload IS 'epcis.model.Event, MessagePack, zstd';
-- next
COMMENT ON COLUMN event.archive IS 'archive_file.id where its payload is; None: here';
-- next
CREATE TABLE event_epc (
	block BIGINT NOT NULL,
	seq BIGINT NOT NULL,
	role SMALLINT NOT NULL,
	mask BIGINT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (block, seq, role)
);
-- next
CREATE INDEX event_epc_by_seq ON event_epc (seq);
-- next
COMMENT ON TABLE event_epc IS 'which items an event names; ask through epcis.store.named';
-- next
COMMENT ON COLUMN event_epc.block IS 'item id // 64';
-- next
COMMENT ON COLUMN event_epc.mask IS 'bit item id % 64 set: the item is named';
-- next
CREATE TABLE event_quantity (
	seq BIGINT NOT NULL,
	role SMALLINT NOT NULL,
	position INTEGER NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	key BYTEA NOT NULL,
	quantity FLOAT,
	uom TEXT,
	PRIMARY KEY (seq, role, position)
);
-- next
CREATE INDEX event_quantity_by_key ON event_quantity (key, seq);
-- next
COMMENT ON COLUMN event_quantity.key IS 'class key: /01/{gtin} or /01/{gtin}/10/{lot}';
-- next
CREATE TABLE event_party (
	party TEXT NOT NULL,
	seq BIGINT NOT NULL,
	relation SMALLINT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (party, seq, relation)
);
-- next
CREATE INDEX event_party_by_seq ON event_party (seq);
-- next
COMMENT ON COLUMN event_party.party IS 'canonical GLN key, /414/{gln13}';
-- next
CREATE TABLE lot (
	id SERIAL NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	gtin TEXT NOT NULL,
	code TEXT NOT NULL,
	expiry TEXT NOT NULL,
	other_lot INTEGER DEFAULT '0' NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT lot_once UNIQUE (gtin, code, expiry, other_lot)
);
-- next
COMMENT ON TABLE lot IS 'lots as senders wrote them; a lot with two expiry dates has two rows';
-- next
COMMENT ON COLUMN lot.code IS 'empty where only an expiry is known';
-- next
COMMENT ON COLUMN lot.expiry IS 'ISO 8601 day, or empty';
-- next
COMMENT ON COLUMN lot.other_lot IS 'lot.id of another lot recorded for the same items, a conflict; 0: none';
-- next
CREATE TABLE item_state (
	id SERIAL NOT NULL,
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
COMMENT ON TABLE item_state IS 'each distinct state once; items share them';
-- next
COMMENT ON COLUMN item_state.status IS 'epcis.store.item_status.ItemStatus';
-- next
COMMENT ON COLUMN item_state.disposition IS 'bare word, or empty';
-- next
COMMENT ON COLUMN item_state.location IS 'canonical key, or empty';
-- next
COMMENT ON COLUMN item_state.holder IS 'canonical GLN key, or empty';
-- next
COMMENT ON COLUMN item_state.conditions IS 'in force: bare words, space between';
-- next
COMMENT ON COLUMN item_state.borrowed IS 'conditions of the container, while inside';
-- next
COMMENT ON COLUMN item_state.persistent IS 'conditions that only unsetting lifts';
-- next
COMMENT ON COLUMN item_state.shipper IS 'canonical GLN key, until it is received';
-- next
COMMENT ON COLUMN item_state.owner IS 'canonical GLN key, or empty where not known';
-- next
CREATE TABLE item (
	id BIGINT NOT NULL,
	parent BIGINT,
	moment BIGINT NOT NULL,
	age BIGINT NOT NULL,
	lead BIGINT NOT NULL,
	lot INTEGER,
	state_id INTEGER NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	key BYTEA NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT item_key_key UNIQUE (key)
);
-- next
CREATE INDEX item_by_lot ON item (lot);
-- next
CREATE INDEX item_without_lot ON item (key) WHERE lot IS NULL;
-- next
COMMENT ON COLUMN item.id IS 'see item_states.py';
-- next
COMMENT ON COLUMN item.parent IS 'item id of what it is in';
-- next
COMMENT ON COLUMN item.moment IS 'of the last event that names it';
-- next
COMMENT ON COLUMN item.age IS 'µs from the first event to `moment`';
-- next
COMMENT ON COLUMN item.lead IS 'others leaned on it so long after';
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
);
-- next
CREATE INDEX stock_group_by_lot ON stock_group (lot, block);
-- next
CREATE INDEX stock_group_by_parent ON stock_group (parent) WHERE parent <> 0;
-- next
CREATE INDEX stock_group_by_state ON stock_group (state_id, parent);
-- next
COMMENT ON TABLE stock_group IS 'what table item says, 64 items to a row, for the view of stock; see stock_groups';
-- next
COMMENT ON COLUMN stock_group.block IS 'item id // 64';
-- next
COMMENT ON COLUMN stock_group.lot IS '0: none';
-- next
COMMENT ON COLUMN stock_group.parent IS '0: in nothing';
-- next
COMMENT ON COLUMN stock_group.mask IS 'bit item id % 64 set: the item is one';
-- next
CREATE TABLE item_key_settled (
	key BYTEA NOT NULL,
	id BIGINT NOT NULL,
	PRIMARY KEY (key)
);
-- next
COMMENT ON TABLE item_key_settled IS 'the items by their keys, in levels; see epcis.database.item_keys';
-- next
COMMENT ON COLUMN item_key_settled.id IS 'of the item';
-- next
CREATE TABLE item_key_even (
	key BYTEA NOT NULL,
	id BIGINT NOT NULL,
	PRIMARY KEY (key)
);
-- next
COMMENT ON TABLE item_key_even IS 'keys of an even generation until they settle';
-- next
COMMENT ON COLUMN item_key_even.id IS 'of the item';
-- next
CREATE TABLE item_key_odd (
	key BYTEA NOT NULL,
	id BIGINT NOT NULL,
	PRIMARY KEY (key)
);
-- next
COMMENT ON TABLE item_key_odd IS 'keys of an odd generation until they settle';
-- next
COMMENT ON COLUMN item_key_odd.id IS 'of the item';
-- next
CREATE TABLE containment (
	block BIGINT NOT NULL,
	since BIGINT NOT NULL,
	parent BIGINT NOT NULL,
	until BIGINT NOT NULL,
	mask BIGINT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (block, since, parent, until)
);
-- next
CREATE INDEX containment_by_parent ON containment (parent);
-- next
COMMENT ON TABLE containment IS 'what was in what, and until stays.ALWAYS what is; see epcis.store.stays';
-- next
COMMENT ON COLUMN containment.block IS 'item id // 64';
-- next
COMMENT ON COLUMN containment.since IS 'a moment';
-- next
COMMENT ON COLUMN containment.parent IS 'item id';
-- next
COMMENT ON COLUMN containment.until IS 'a moment';
-- next
COMMENT ON COLUMN containment.mask IS 'bit item id % 64 set: it is inside';
-- next
CREATE TABLE master_data (
	type TEXT NOT NULL,
	id TEXT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	key TEXT NOT NULL,
	stated_at BIGINT NOT NULL,
	document BIGINT,
	payload BYTEA NOT NULL,
	PRIMARY KEY (type, id)
);
-- next
CREATE INDEX master_data_by_key ON master_data (key);
-- next
COMMENT ON COLUMN master_data.type IS 'vocabulary type URI';
-- next
COMMENT ON COLUMN master_data.id IS 'as sent';
-- next
COMMENT ON COLUMN master_data.key IS 'canonical key of id';
-- next
COMMENT ON COLUMN master_data.stated_at IS 'creation time of the latest document';
-- next
COMMENT ON COLUMN master_data.payload IS 'VocabularyElement, MessagePack';
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
	key TEXT NOT NULL,
	child_key TEXT NOT NULL,
	PRIMARY KEY (type, id, child)
);
-- next
CREATE INDEX master_data_child_by_key ON master_data_child (key);
-- next
COMMENT ON COLUMN master_data_child.child IS 'as sent';
-- next
COMMENT ON COLUMN master_data_child.key IS 'canonical key of id';
-- next
COMMENT ON COLUMN master_data_child.child_key IS 'canonical key of child';
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
COMMENT ON TABLE master_data_lot IS 'the expiry that master data tells of a lot, beside what events tell';
-- next
COMMENT ON COLUMN master_data_lot.expiry IS 'ISO 8601 day, or the sender''s odd text';
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
	sha256 BYTEA,
	errors BYTEA,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX capture_job_by_created ON capture_job (created);
-- next
CREATE INDEX capture_job_waiting ON capture_job (caller, created, id) WHERE running;
-- next
COMMENT ON COLUMN capture_job.behaviour IS 'rollback or proceed';
-- next
COMMENT ON COLUMN capture_job.body_path IS 'file the body waits in; else it is done or in shared_part';
-- next
COMMENT ON COLUMN capture_job.body_bytes IS 'its size as received; None when stored at once';
-- next
COMMENT ON COLUMN capture_job.errors IS 'events, errors and findings: JSON, zstd';
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
	by VARCHAR(100) NOT NULL,
	PRIMARY KEY (code, version)
);
-- next
CREATE TABLE product_market (
	code VARCHAR(50) NOT NULL,
	market VARCHAR(2) NOT NULL,
	state VARCHAR(20) NOT NULL,
	since_us BIGINT NOT NULL,
	by VARCHAR(100) NOT NULL,
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
	by VARCHAR(100) NOT NULL,
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
COMMENT ON COLUMN pack.completes IS '1: at the upload events have no lot or no expiry of the pack';
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
COMMENT ON COLUMN doubt.serial_to IS 'last of a range, or empty';
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
	id BIGSERIAL NOT NULL,
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
	by VARCHAR(100) NOT NULL,
	PRIMARY KEY (client)
);
-- next
CREATE TABLE client_transaction (
	client VARCHAR(100) NOT NULL,
	id VARCHAR(100) NOT NULL,
	request_sha256 VARCHAR(64) NOT NULL,
	answer BYTEA NOT NULL,
	at_us BIGINT NOT NULL,
	PRIMARY KEY (client, id)
);
-- next
CREATE TABLE act (
	client VARCHAR(100) NOT NULL,
	id VARCHAR(100) NOT NULL,
	request_sha256 VARCHAR(64) NOT NULL,
	answer BYTEA NOT NULL,
	at_us BIGINT NOT NULL,
	event TEXT,
	PRIMARY KEY (client, id)
);
-- next
CREATE INDEX act_event ON act (event);
-- next
COMMENT ON COLUMN act.id IS 'the client''s own id of the act';
-- next
COMMENT ON COLUMN act.answer IS 'ActAnswer, JSON';
-- next
COMMENT ON COLUMN act.event IS 'the id of its event, by which the client is found';
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
	by VARCHAR(100) NOT NULL,
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
	content BYTEA NOT NULL,
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
	requests BYTEA NOT NULL,
	answers BYTEA,
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
	question BYTEA NOT NULL,
	answer BYTEA,
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
	proof BYTEA NOT NULL,
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
	by VARCHAR(100) NOT NULL,
	PRIMARY KEY (gtin, lot)
);
-- next
CREATE TABLE sensor_rule (
	gtin VARCHAR(14) NOT NULL,
	is_on INTEGER NOT NULL,
	limits TEXT NOT NULL,
	since_us BIGINT NOT NULL,
	by VARCHAR(100) NOT NULL,
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
	by VARCHAR(100) NOT NULL,
	PRIMARY KEY (login_id, user_id)
);
-- next
CREATE TABLE ledger_subject (
	run BIGINT NOT NULL,
	subject BYTEA NOT NULL,
	place BIGINT NOT NULL,
	PRIMARY KEY (run, subject, place)
);
-- next
COMMENT ON TABLE ledger_subject IS 'where the log speaks of a pack: places by the first 8 bytes of their subject';
-- next
CREATE TABLE ledger_entry (
	id BIGSERIAL NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	txid BIGINT DEFAULT '0' NOT NULL,
	idx BIGINT,
	kind SMALLINT NOT NULL,
	subject BYTEA NOT NULL,
	public_hash BYTEA NOT NULL,
	confidential_hash BYTEA NOT NULL,
	salt BYTEA,
	public BYTEA,
	confidential BYTEA,
	event BIGINT,
	record_time BIGINT NOT NULL,
	leaf BYTEA,
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
COMMENT ON COLUMN ledger_entry.txid IS 'writer, where there are many';
-- next
COMMENT ON COLUMN ledger_entry.idx IS 'place in the log; None until sequenced';
-- next
COMMENT ON COLUMN ledger_entry.kind IS 'epcis.ledger.entry.LeafKind';
-- next
COMMENT ON COLUMN ledger_entry.salt IS 'None: nothing confidential, or erased';
-- next
COMMENT ON COLUMN ledger_entry.public IS 'None for an event: its own row has it';
-- next
COMMENT ON COLUMN ledger_entry.confidential IS 'None for an event, nothing, or erased';
-- next
COMMENT ON COLUMN ledger_entry.event IS 'event.seq';
-- next
COMMENT ON COLUMN ledger_entry.leaf IS 'None until sequenced';
-- next
CREATE TABLE ledger_tile (
	level SMALLINT NOT NULL,
	number BIGINT NOT NULL,
	hashes BYTEA NOT NULL,
	PRIMARY KEY (level, number)
);
-- next
COMMENT ON TABLE ledger_tile IS 'C2SP tlog-tiles; level 0 full tiles only, above also the one being filled';
-- next
COMMENT ON COLUMN ledger_tile.hashes IS 'up to 256 hashes, one after the other';
-- next
CREATE TABLE ledger_head (
	tenant SMALLINT NOT NULL,
	origin TEXT NOT NULL,
	size BIGINT NOT NULL,
	record_time BIGINT NOT NULL,
	frontier BYTEA NOT NULL,
	PRIMARY KEY (tenant)
);
-- next
COMMENT ON COLUMN ledger_head.origin IS 'the name of this log in its checkpoints';
-- next
COMMENT ON COLUMN ledger_head.frontier IS 'merkle.Frontier, hashes joined';
-- next
CREATE TABLE ledger_checkpoint (
	size BIGINT NOT NULL,
	root BYTEA NOT NULL,
	made BIGINT NOT NULL,
	note TEXT,
	timestamp BYTEA,
	PRIMARY KEY (size)
);
-- next
COMMENT ON COLUMN ledger_checkpoint.note IS 'the signed note, C2SP tlog-checkpoint';
-- next
COMMENT ON COLUMN ledger_checkpoint.timestamp IS 'RFC 3161 token over the note';
-- next
CREATE TABLE ledger_witness (
	id BIGSERIAL NOT NULL,
	size BIGINT NOT NULL,
	root BYTEA NOT NULL,
	witness TEXT NOT NULL,
	announced_at BIGINT NOT NULL,
	agrees SMALLINT NOT NULL,
	note TEXT NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX ledger_witness_by_size ON ledger_witness (size);
-- next
COMMENT ON COLUMN ledger_witness.witness IS 'who says it saw this checkpoint';
-- next
COMMENT ON COLUMN ledger_witness.agrees IS '1 with this log, 0 a fork';
-- next
COMMENT ON COLUMN ledger_witness.note IS 'as posted';
-- next
CREATE TABLE ledger_key (
	name TEXT NOT NULL,
	key_id BYTEA NOT NULL,
	public_key BYTEA NOT NULL,
	added BIGINT NOT NULL,
	PRIMARY KEY (name, key_id)
);
-- next
COMMENT ON TABLE ledger_key IS 'the public keys that checkpoints of this log were signed with';
-- next
COMMENT ON COLUMN ledger_key.name IS 'the name on the signature line';
-- next
COMMENT ON COLUMN ledger_key.public_key IS 'type byte and key';
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
COMMENT ON COLUMN recall.serial IS 'first of a range';
-- next
COMMENT ON COLUMN recall.serial_to IS 'last of a range';
-- next
COMMENT ON COLUMN recall.since_us IS 'begin of a production window';
-- next
COMMENT ON COLUMN recall.until_us IS 'its end, no longer part of it';
-- next
COMMENT ON COLUMN recall.place IS 'GLN where the window''s packs were made';
-- next
COMMENT ON COLUMN recall.market IS 'empty: everywhere';
-- next
COMMENT ON COLUMN recall.facts IS 'JSON: what notices say besides';
-- next
COMMENT ON COLUMN recall.approved_by IS 'the second person';
-- next
COMMENT ON COLUMN recall.packs IS 'at the opening, and those that came later';
-- next
COMMENT ON COLUMN recall.reach_at_opening IS 'JSON: packs by what can be done';
-- next
COMMENT ON COLUMN recall.list_sha256 IS 'of the keys at the opening';
-- next
COMMENT ON COLUMN recall.last_item IS 'item.id: later ones came later';
-- next
COMMENT ON COLUMN recall.check_level IS 'A to E; empty: not planned';
-- next
COMMENT ON COLUMN recall.check_percent IS 'of the holders, to be checked';
-- next
COMMENT ON COLUMN recall.withdraw_why IS 'why it is taken back, once somebody has asked for it';
-- next
COMMENT ON COLUMN recall.withdrawn_by IS 'the second person';
-- next
CREATE TABLE recall_contact (
	gln VARCHAR(13) NOT NULL,
	email VARCHAR(254) NOT NULL,
	phone VARCHAR(40) NOT NULL,
	webhook TEXT NOT NULL,
	token VARCHAR(100) NOT NULL,
	changed_us BIGINT NOT NULL,
	by VARCHAR(100) NOT NULL,
	PRIMARY KEY (gln)
);
-- next
COMMENT ON COLUMN recall_contact.webhook IS 'address; empty: none';
-- next
COMMENT ON COLUMN recall_contact.token IS 'signs what the webhook gets';
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
	by VARCHAR(100) NOT NULL,
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
	by VARCHAR(100) NOT NULL,
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
	by VARCHAR(100) NOT NULL,
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
	by VARCHAR(100) NOT NULL,
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
	by VARCHAR(100) NOT NULL,
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
COMMENT ON COLUMN case_file.mark IS 'of a problem that the reader found';
-- next
CREATE TABLE quarantine (
	id VARCHAR(40) NOT NULL,
	kind VARCHAR(20) NOT NULL,
	gtin VARCHAR(14) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	serial VARCHAR(20) NOT NULL,
	serial_to VARCHAR(20) NOT NULL,
	key VARCHAR(200) NOT NULL,
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
	by VARCHAR(100) NOT NULL,
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
	by VARCHAR(100) NOT NULL,
	ended BIGINT,
	PRIMARY KEY (name)
);
-- next
COMMENT ON COLUMN exchange_channel.partner IS 'GLN-13; empty: nobody in particular';
-- next
COMMENT ON COLUMN exchange_channel.secrets IS 'sealed; empty: none';
-- next
CREATE TABLE exchange_refusal (
	id BIGSERIAL NOT NULL,
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
COMMENT ON COLUMN exchange_refusal.channel IS 'empty where none was named';
-- next
COMMENT ON COLUMN exchange_refusal.sender IS 'as the message names it';
-- next
CREATE TABLE archive_file (
	id BIGSERIAL NOT NULL,
	holds TEXT NOT NULL,
	month TEXT NOT NULL,
	name TEXT NOT NULL,
	folder TEXT NOT NULL,
	records INTEGER NOT NULL,
	size_bytes BIGINT NOT NULL,
	sha256 BYTEA NOT NULL,
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
COMMENT ON COLUMN archive_file.holds IS 'events or documents';
-- next
COMMENT ON COLUMN archive_file.month IS 'YYYY-MM of the event or receipt times';
-- next
COMMENT ON COLUMN archive_file.folder IS 'where the file lies';
-- next
COMMENT ON COLUMN archive_file.records IS 'how many events or documents';
-- next
COMMENT ON COLUMN archive_file.sha256 IS 'of the whole file';
-- next
COMMENT ON COLUMN archive_file.oldest IS 'event or receipt time';
-- next
COMMENT ON COLUMN archive_file.restored IS 'its records are in the database again';
-- next
COMMENT ON COLUMN archive_file.erased IS 'its records were destroyed';
-- next
CREATE TABLE event_word (
	word BIGINT NOT NULL,
	seq BIGINT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (word, seq)
);
-- next
CREATE INDEX event_word_by_seq ON event_word (seq);
-- next
COMMENT ON TABLE event_word IS 'what an event can be found by through equality: transactions, parties, fields';
-- next
COMMENT ON COLUMN event_word.word IS 'see index.word';
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
);
-- next
CREATE INDEX event_field_by_seq ON event_field (seq);
-- next
COMMENT ON TABLE event_field IS 'extension fields: that they are there, their order and their ranges';
-- next
COMMENT ON COLUMN event_field.field IS 'see index.field';
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
);
-- next
CREATE INDEX event_sensor_by_type ON event_sensor (type, seq);
-- next
COMMENT ON TABLE event_sensor IS 'one row per sensor report, so that conditions meet in one report';
-- next
COMMENT ON COLUMN event_sensor.position IS 'of the report';
-- next
COMMENT ON COLUMN event_sensor.type IS 'bare word, or the URI as it is';
-- next
COMMENT ON COLUMN event_sensor.element_device IS 'the same attribute in sensorMetadata';
-- next
COMMENT ON COLUMN event_sensor.hex_value IS 'upper case';
-- next
COMMENT ON COLUMN event_sensor.value IS 'numbers as written, in `uom`';
-- next
CREATE TABLE named_query (
	name TEXT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	made BIGINT NOT NULL,
	owner TEXT NOT NULL,
	party TEXT,
	query BYTEA NOT NULL,
	PRIMARY KEY (name)
);
-- next
COMMENT ON COLUMN named_query.owner IS 'the caller who made it';
-- next
COMMENT ON COLUMN named_query.party IS 'the owner''s party: whose view the query is; None sees all';
-- next
COMMENT ON COLUMN named_query.query IS 'the query body as sent, JSON';
-- next
CREATE TABLE subscription (
	id TEXT NOT NULL,
	tenant SMALLINT DEFAULT '0' NOT NULL,
	query TEXT NOT NULL,
	parameters BYTEA,
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
CREATE INDEX subscription_by_query ON subscription (query);
-- next
COMMENT ON COLUMN subscription.query IS 'named_query.name, or SimpleEventQuery';
-- next
COMMENT ON COLUMN subscription.parameters IS 'of a 1.2 subscription: its own parameters, JSON';
-- next
COMMENT ON COLUMN subscription.version IS '2.0 (webhook) or 1.2 (SOAP subscribe)';
-- next
COMMENT ON COLUMN subscription.token IS 'the subscriber''s secret for signatures; never shown again';
-- next
COMMENT ON COLUMN subscription.schedule IS 'JSON object of the schedule''s fields; None is a stream';
-- next
COMMENT ON COLUMN subscription.acknowledged_seq IS 'all up to here was taken';
-- next
COMMENT ON COLUMN subscription.due IS 'when to look next';
-- next
COMMENT ON COLUMN subscription.attempts IS 'failed in a row';
-- next
COMMENT ON COLUMN subscription.last_notified IS 'last delivery answered with success';
-- next
COMMENT ON COLUMN subscription.error IS 'why the last delivery failed';
-- next
CREATE TABLE ended_page_token (
	digest BYTEA NOT NULL,
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
COMMENT ON COLUMN trace_request.reference IS 'of the asker: tiRequestID';
-- next
COMMENT ON COLUMN trace_request.investigation IS 'the asker''s investigation';
-- next
COMMENT ON COLUMN trace_request.contact IS 'e-mail address or telephone number';
-- next
COMMENT ON COLUMN trace_request.gln IS 'of the asker; empty: not given';
-- next
COMMENT ON COLUMN trace_request.authority IS '1: an authority, or on its behalf';
-- next
COMMENT ON COLUMN trace_request.authenticated IS 'how it was found out who asks';
-- next
COMMENT ON COLUMN trace_request.incident IS 'FDA''s number of a 3911';
-- next
COMMENT ON COLUMN trace_request.role IS 'ours: it sets the clock';
-- next
COMMENT ON COLUMN trace_request.owner IS 'our GLN; empty: not set';
-- next
COMMENT ON COLUMN trace_request.ended_us IS 'answered, or refused';
-- next
COMMENT ON COLUMN trace_request.outcome IS 'answered or refused; empty: open';
-- next
COMMENT ON COLUMN trace_request.note IS 'how it was sent, or why it was refused';
-- next
CREATE TABLE export_job (
	id VARCHAR(40) NOT NULL,
	selection TEXT NOT NULL,
	redaction VARCHAR(20) NOT NULL,
	party VARCHAR(100),
	by VARCHAR(100) NOT NULL,
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
COMMENT ON COLUMN export_job.selection IS 'JSON, as in the manifest';
-- next
COMMENT ON COLUMN export_job.party IS 'whose view of the events it is; None is everybody''s';
-- next
COMMENT ON COLUMN export_job.state IS 'waiting, running, ready or refused';
-- next
COMMENT ON COLUMN export_job.error IS 'why it was refused';
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
COMMENT ON COLUMN legal_hold.gtin IS 'GTIN-14; with lot or serial that lot or pack only';
-- next
COMMENT ON COLUMN legal_hold.case_id IS 'a case or a recall: the packs it is about';
-- next
COMMENT ON COLUMN legal_hold.party IS 'canonical GLN key, /414/{gln13}';
-- next
COMMENT ON COLUMN legal_hold.since IS 'only what happened from then on';
-- next
COMMENT ON COLUMN legal_hold.until IS 'only what happened before';
-- next
CREATE TABLE erasure (
	id BIGSERIAL NOT NULL,
	at BIGINT NOT NULL,
	by VARCHAR(100) NOT NULL,
	record VARCHAR(40) NOT NULL,
	entries BIGINT NOT NULL,
	before BIGINT NOT NULL,
	rule TEXT NOT NULL,
	digest VARCHAR(64) NOT NULL,
	PRIMARY KEY (id)
);
-- next
COMMENT ON TABLE erasure IS 'certificates of destruction';
-- next
COMMENT ON COLUMN erasure.record IS 'the class of record, see policy.py';
-- next
COMMENT ON COLUMN erasure.entries IS 'how many went';
-- next
COMMENT ON COLUMN erasure.before IS 'all of them were older';
-- next
COMMENT ON COLUMN erasure.rule IS 'JSON of the rule they went by';
-- next
COMMENT ON COLUMN erasure.digest IS 'SHA-256 over what went';
-- next
CREATE TABLE sealed_key (
	name VARCHAR(60) NOT NULL,
	sealed BYTEA NOT NULL,
	changed BIGINT NOT NULL,
	PRIMARY KEY (name)
);
-- next
COMMENT ON COLUMN sealed_key.name IS 'as the file in a folder of keys';
-- next
COMMENT ON COLUMN sealed_key.sealed IS 'nonce and AES-256-GCM of the file';
-- next
CREATE TABLE trade_order (
	number VARCHAR(100) NOT NULL,
	customer VARCHAR(100) NOT NULL,
	site VARCHAR(100) NOT NULL,
	due VARCHAR(10) NOT NULL,
	days_left_min INTEGER NOT NULL,
	state VARCHAR(10) NOT NULL,
	opened_us BIGINT NOT NULL,
	by VARCHAR(100) NOT NULL,
	ended_us BIGINT,
	why TEXT NOT NULL,
	PRIMARY KEY (number)
);
-- next
COMMENT ON COLUMN trade_order.customer IS 'canonical GLN key';
-- next
COMMENT ON COLUMN trade_order.site IS 'canonical GLN key of who ships';
-- next
COMMENT ON COLUMN trade_order.due IS 'ISO 8601 day, or empty';
-- next
COMMENT ON COLUMN trade_order.days_left_min IS 'until expiry, for the customer';
-- next
COMMENT ON COLUMN trade_order.why IS 'why it was cancelled';
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
COMMENT ON COLUMN order_line.lot IS 'the lot that is asked for, or empty';
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
COMMENT ON COLUMN order_pick.pack IS 'canonical key';
-- next
COMMENT ON COLUMN order_pick.event IS 'the event of the pick';
-- next
CREATE TABLE count_session (
	id VARCHAR(40) NOT NULL,
	place TEXT NOT NULL,
	gtin VARCHAR(14) NOT NULL,
	is_blind BOOLEAN NOT NULL,
	is_opened BOOLEAN NOT NULL,
	state VARCHAR(10) NOT NULL,
	opened_us BIGINT NOT NULL,
	by VARCHAR(100) NOT NULL,
	ended_us BIGINT,
	ended_by VARCHAR(100) NOT NULL,
	why TEXT NOT NULL,
	expected INTEGER NOT NULL,
	as_recorded INTEGER NOT NULL,
	PRIMARY KEY (id)
);
-- next
COMMENT ON COLUMN count_session.place IS 'canonical key of a site or of a place in it';
-- next
COMMENT ON COLUMN count_session.gtin IS 'the product that is counted, or empty';
-- next
COMMENT ON COLUMN count_session.is_opened IS 'cases are counted pack by pack';
-- next
COMMENT ON COLUMN count_session.why IS 'of its end';
-- next
COMMENT ON COLUMN count_session.expected IS 'items of the records at the close';
-- next
COMMENT ON COLUMN count_session.as_recorded IS 'of these, counted where they are';
-- next
CREATE TABLE count_scan (
	session VARCHAR(40) NOT NULL,
	round INTEGER NOT NULL,
	key TEXT NOT NULL,
	place TEXT NOT NULL,
	by VARCHAR(100) NOT NULL,
	at_us BIGINT NOT NULL,
	batch VARCHAR(40) NOT NULL,
	PRIMARY KEY (session, round, key)
);
-- next
CREATE INDEX count_scan_batch ON count_scan (batch);
-- next
CREATE INDEX count_scan_key ON count_scan (key);
-- next
COMMENT ON COLUMN count_scan.key IS 'canonical key of what was scanned';
-- next
COMMENT ON COLUMN count_scan.place IS 'where it was scanned';
-- next
COMMENT ON COLUMN count_scan.batch IS 'what one scanner sent together';
-- next
CREATE TABLE count_recount (
	session VARCHAR(40) NOT NULL,
	round INTEGER NOT NULL,
	place TEXT NOT NULL,
	by VARCHAR(100) NOT NULL,
	at_us BIGINT NOT NULL,
	why TEXT NOT NULL,
	PRIMARY KEY (session, round)
);
-- next
COMMENT ON COLUMN count_recount.place IS 'what was scanned here before no longer counts';
-- next
CREATE TABLE count_result (
	session VARCHAR(40) NOT NULL,
	key TEXT NOT NULL,
	finding VARCHAR(30) NOT NULL,
	gtin VARCHAR(14) NOT NULL,
	lot VARCHAR(20) NOT NULL,
	counted_at TEXT NOT NULL,
	recorded_at TEXT NOT NULL,
	event TEXT NOT NULL,
	seen_us BIGINT,
	seen_at TEXT NOT NULL,
	seen_by TEXT NOT NULL,
	PRIMARY KEY (session, key)
);
-- next
CREATE INDEX count_result_key ON count_result (key);
-- next
COMMENT ON COLUMN count_result.key IS 'canonical key';
-- next
COMMENT ON COLUMN count_result.counted_at IS 'place; empty where it was not counted';
-- next
COMMENT ON COLUMN count_result.recorded_at IS 'place by the records at the close';
-- next
COMMENT ON COLUMN count_result.event IS 'the event that adjusted it, or empty';
-- next
COMMENT ON COLUMN count_result.seen_us IS 'when it was last seen, before the count';
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
	by VARCHAR(100) NOT NULL,
	why TEXT NOT NULL,
	ended_us BIGINT,
	ended_by VARCHAR(100) NOT NULL,
	ended_why TEXT NOT NULL,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX lot_inspection_lot ON lot_inspection (gtin, lot);
-- next
COMMENT ON COLUMN lot_inspection.site IS 'canonical GLN key of where its packs lie';
-- next
COMMENT ON COLUMN lot_inspection.quarantine IS 'that locks the lot';
-- next
COMMENT ON COLUMN lot_inspection.lot_packs IS 'in stock when it was opened';
-- next
COMMENT ON COLUMN lot_inspection.sample_size IS 'packs that are inspected at least';
-- next
COMMENT ON COLUMN lot_inspection.failed_max IS 'failed samples that still release';
-- next
CREATE TABLE inspection_sample (
	inspection VARCHAR(40) NOT NULL,
	key TEXT NOT NULL,
	is_drawn BOOLEAN NOT NULL,
	place TEXT NOT NULL,
	result VARCHAR(10) NOT NULL,
	note TEXT NOT NULL,
	by VARCHAR(100) NOT NULL,
	at_us BIGINT,
	event TEXT NOT NULL,
	PRIMARY KEY (inspection, key)
);
-- next
COMMENT ON COLUMN inspection_sample.key IS 'canonical key of the pack';
-- next
COMMENT ON COLUMN inspection_sample.is_drawn IS 'by chance; else somebody chose it';
-- next
COMMENT ON COLUMN inspection_sample.place IS 'where it lay when it was drawn or inspected';
-- next
COMMENT ON COLUMN inspection_sample.result IS 'passed, failed, or empty';
-- next
COMMENT ON COLUMN inspection_sample.event IS 'the event of its inspection, or empty';
-- next
CREATE TABLE lease (
	work TEXT NOT NULL,
	holder TEXT NOT NULL,
	until_us BIGINT NOT NULL,
	PRIMARY KEY (work)
);
-- next
COMMENT ON COLUMN lease.work IS 'what is being done, as capture ID';
-- next
COMMENT ON COLUMN lease.holder IS 'who does it; differs for each taking';
-- next
COMMENT ON COLUMN lease.until_us IS 'by the clock of the database server';
-- next
CREATE TABLE shared_part (
	file TEXT NOT NULL,
	part INTEGER NOT NULL,
	content BYTEA NOT NULL,
	PRIMARY KEY (file, part)
);
-- next
COMMENT ON COLUMN shared_part.file IS 'as incoming/ID or exports/ID';
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
	secret BYTEA NOT NULL,
	opened_us BIGINT NOT NULL,
	by VARCHAR(100) NOT NULL,
	closed_us BIGINT,
	PRIMARY KEY (id)
);
-- next
CREATE INDEX serial_pool_code ON serial_pool (code);
-- next
COMMENT ON COLUMN serial_pool.code IS 'GTIN-14, or the first digits of an SSCC';
-- next
COMMENT ON COLUMN serial_pool.first IS 'number of place 0, where sequential';
-- next
COMMENT ON COLUMN serial_pool.next IS 'first place that was never granted';
-- next
COMMENT ON COLUMN serial_pool.secret IS 'AES-256 key of a random pool';
-- next
CREATE TABLE serial_grant (
	id VARCHAR(24) NOT NULL,
	pool VARCHAR(24) NOT NULL,
	request_id VARCHAR(100) NOT NULL,
	line VARCHAR(100) NOT NULL,
	first BIGINT NOT NULL,
	after BIGINT NOT NULL,
	count INTEGER NOT NULL,
	printed INTEGER NOT NULL,
	returned INTEGER NOT NULL,
	at_us BIGINT NOT NULL,
	by VARCHAR(100) NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (request_id)
);
-- next
CREATE INDEX serial_grant_pool ON serial_grant (pool, first);
-- next
COMMENT ON COLUMN serial_grant.first IS 'place in the pool';
-- next
COMMENT ON COLUMN serial_grant.after IS 'place after the last one';
-- next
COMMENT ON COLUMN serial_grant.printed IS 'so many from the first on';
-- next
COMMENT ON COLUMN serial_grant.returned IS 'so many at the end, unprinted';
-- next
CREATE TABLE serial (
	pool VARCHAR(24) NOT NULL,
	place BIGINT NOT NULL,
	state VARCHAR(10) NOT NULL,
	batch VARCHAR(24) NOT NULL,
	at_us BIGINT NOT NULL,
	by VARCHAR(100) NOT NULL,
	reason TEXT NOT NULL,
	PRIMARY KEY (pool, place)
);
-- next
CREATE INDEX serial_batch ON serial (batch);
-- next
COMMENT ON COLUMN serial.batch IS 'the request that made it so';
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
COMMENT ON COLUMN serial_imported.tail IS 'further elements, such as (91) and (92)';
-- next
COMMENT ON COLUMN serial_imported.batch IS 'the list it came with';
-- next
CREATE TABLE recall_pack (
	recall VARCHAR(40) NOT NULL,
	key VARCHAR(200) NOT NULL,
	how VARCHAR(20) NOT NULL,
	PRIMARY KEY (recall, key),
	FOREIGN KEY(recall) REFERENCES recall (id)
);
-- next
COMMENT ON COLUMN recall_pack.how IS 'listed, made then, or made from others';
-- next
CREATE TABLE recall_arrival (
	recall VARCHAR(40) NOT NULL,
	key VARCHAR(200) NOT NULL,
	at_us BIGINT NOT NULL,
	PRIMARY KEY (recall, key),
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
COMMENT ON COLUMN recall_notice.party IS 'GLN-13; empty: holder not known';
-- next
COMMENT ON COLUMN recall_notice.named_packs IS 'so many the last message named';
-- next
COMMENT ON COLUMN recall_notice.due_us IS 'by when an answer is expected, once it is sent';
-- next
COMMENT ON COLUMN recall_notice.sent_us IS 'of the first message that went out';
-- next
COMMENT ON COLUMN recall_notice.channel IS 'how the last message went out';
-- next
COMMENT ON COLUMN recall_notice.fault IS 'why the last message did not go out';
-- next
COMMENT ON COLUMN recall_notice.acknowledged_us IS 'of the first answer';
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
	key VARCHAR(200) NOT NULL,
	PRIMARY KEY ("case", key),
	FOREIGN KEY("case") REFERENCES case_file (id)
);
-- next
CREATE INDEX case_item_key ON case_item (key);
-- next
CREATE TABLE case_step (
	"case" VARCHAR(40) NOT NULL,
	step INTEGER NOT NULL,
	at_us BIGINT NOT NULL,
	by VARCHAR(100) NOT NULL,
	act VARCHAR(30) NOT NULL,
	note TEXT NOT NULL,
	PRIMARY KEY ("case", step),
	FOREIGN KEY("case") REFERENCES case_file (id)
);
-- next
CREATE TABLE quarantine_item (
	quarantine VARCHAR(40) NOT NULL,
	key VARCHAR(200) NOT NULL,
	PRIMARY KEY (quarantine, key),
	FOREIGN KEY(quarantine) REFERENCES quarantine (id)
);
-- next
CREATE INDEX quarantine_item_key ON quarantine_item (key);
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
	by VARCHAR(100) NOT NULL,
	ended BIGINT,
	PRIMARY KEY (channel, owner, sha256),
	FOREIGN KEY(channel) REFERENCES exchange_channel (name)
);
-- next
COMMENT ON COLUMN exchange_certificate.owner IS 'ours or partner';
-- next
COMMENT ON COLUMN exchange_certificate.sha256 IS 'of the certificate';
-- next
COMMENT ON COLUMN exchange_certificate.sealed_key IS 'of ours, sealed; empty for a partner''s';
-- next
CREATE TABLE exchange_message (
	id BIGSERIAL NOT NULL,
	channel VARCHAR(60) NOT NULL,
	direction VARCHAR(3) NOT NULL,
	message_id VARCHAR(250) NOT NULL,
	file_name VARCHAR(200) NOT NULL,
	media_type VARCHAR(100) NOT NULL,
	size_bytes BIGINT NOT NULL,
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
	outcome BYTEA,
	reply_to TEXT NOT NULL,
	mic VARCHAR(200) NOT NULL,
	receipt_type TEXT NOT NULL,
	receipt BYTEA,
	attempts INTEGER NOT NULL,
	next_try BIGINT,
	PRIMARY KEY (id),
	CONSTRAINT exchange_message_once UNIQUE (channel, direction, message_id),
	FOREIGN KEY(channel) REFERENCES exchange_channel (name)
);
-- next
CREATE INDEX exchange_message_due ON exchange_message (channel, id) WHERE state IN ('received', 'understood', 'waiting', 'delivered');
-- next
COMMENT ON COLUMN exchange_message.direction IS 'in or out';
-- next
COMMENT ON COLUMN exchange_message.created IS 'received, or put in line to be sent';
-- next
COMMENT ON COLUMN exchange_message.understood IS 'read as a document, and given to capture';
-- next
COMMENT ON COLUMN exchange_message.kept IS 'its events are stored';
-- next
COMMENT ON COLUMN exchange_message.acknowledged IS 'the sender has its receipt';
-- next
COMMENT ON COLUMN exchange_message.delivered IS 'the partner''s server has taken it';
-- next
COMMENT ON COLUMN exchange_message.receipted IS 'the partner has confirmed what it got';
-- next
COMMENT ON COLUMN exchange_message.reason IS 'what is wrong with it; empty: nothing';
-- next
COMMENT ON COLUMN exchange_message.job IS 'its capture job; empty for a sent one';
-- next
COMMENT ON COLUMN exchange_message.outcome IS 'what capture found, JSON, packed';
-- next
COMMENT ON COLUMN exchange_message.reply_to IS 'where a receipt goes; empty: to the partner';
-- next
COMMENT ON COLUMN exchange_message.mic IS 'digest a signed receipt must repeat';
-- next
COMMENT ON COLUMN exchange_message.receipt_type IS 'Content-Type of the receipt';
-- next
COMMENT ON COLUMN exchange_message.receipt IS 'the receipt as it was sent or came';
-- next
CREATE TABLE exchange_rule (
	channel VARCHAR(60) NOT NULL,
	sends VARCHAR(20) NOT NULL,
	style TEXT NOT NULL,
	changed BIGINT NOT NULL,
	by VARCHAR(100) NOT NULL,
	ended BIGINT,
	PRIMARY KEY (channel, sends),
	FOREIGN KEY(channel) REFERENCES exchange_channel (name)
);
-- next
COMMENT ON COLUMN exchange_rule.sends IS 'shipment or exception';
-- next
COMMENT ON COLUMN exchange_rule.style IS 'how it is written, a JSON object';
-- next
CREATE TABLE exchange_due (
	id BIGSERIAL NOT NULL,
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
COMMENT ON COLUMN exchange_due.subject IS 'id of the event or case';
-- next
COMMENT ON COLUMN exchange_due.reason IS 'why it is held back; empty: it is not';
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
COMMENT ON COLUMN trace_request_item.serial IS 'empty: the lot';
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
	by VARCHAR(100) NOT NULL,
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
COMMENT ON COLUMN recall_answer.by IS 'the name that was given';
-- next
COMMENT ON COLUMN recall_answer.entered_by IS 'empty: by the link';
-- next
COMMENT ON COLUMN recall_answer.received IS 'packs, as the others';
-- next
CREATE TABLE recall_check (
	notice VARCHAR(40) NOT NULL,
	recall VARCHAR(40) NOT NULL,
	chosen_us BIGINT NOT NULL,
	checked_us BIGINT,
	by VARCHAR(100) NOT NULL,
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
COMMENT ON COLUMN recall_check.by IS 'who checked';
-- next
CREATE TABLE recall_return (
	notice VARCHAR(40) NOT NULL,
	key VARCHAR(200) NOT NULL,
	recall VARCHAR(40) NOT NULL,
	at_us BIGINT NOT NULL,
	by VARCHAR(100) NOT NULL,
	outcome VARCHAR(30) NOT NULL,
	PRIMARY KEY (notice, key),
	FOREIGN KEY(notice) REFERENCES recall_notice (id),
	FOREIGN KEY(recall) REFERENCES recall (id)
);
-- next
CREATE INDEX recall_return_key ON recall_return (recall, key);
-- next
COMMENT ON COLUMN recall_return.by IS 'who scanned it';
-- next
CREATE TABLE exchange_body (
	message BIGINT NOT NULL,
	part INTEGER NOT NULL,
	content BYTEA NOT NULL,
	PRIMARY KEY (message, part),
	FOREIGN KEY(message) REFERENCES exchange_message (id)
);
-- next
CREATE OR REPLACE FUNCTION ledger_entry_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'entries of the log are never deleted';
      END IF;
      IF (NEW.kind, NEW.subject, NEW.public_hash, NEW.confidential_hash)
        IS DISTINCT FROM (OLD.kind, OLD.subject, OLD.public_hash, OLD.confidential_hash)
        OR NEW.public IS DISTINCT FROM OLD.public OR NEW.event IS DISTINCT FROM OLD.event
        OR (OLD.idx IS NOT NULL AND (NEW.idx, NEW.leaf, NEW.record_time)
          IS DISTINCT FROM (OLD.idx, OLD.leaf, OLD.record_time))
        OR (NEW.salt IS NOT NULL AND NEW.salt IS DISTINCT FROM OLD.salt)
        OR (NEW.confidential IS NOT NULL AND NEW.confidential IS DISTINCT FROM OLD.confidential)
      THEN
        RAISE EXCEPTION 'entries of the log are never changed';
      END IF;
      RETURN NEW;
    END $$;
-- next
CREATE OR REPLACE TRIGGER ledger_entry_is_fixed BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_entry_guard();
-- next
CREATE OR REPLACE FUNCTION ledger_checkpoint_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'DELETE' OR (NEW.size, NEW.root) IS DISTINCT FROM (OLD.size, OLD.root) THEN
        RAISE EXCEPTION 'checkpoints are never changed or deleted';
      END IF;
      RETURN NEW;
    END $$;
-- next
CREATE OR REPLACE TRIGGER ledger_checkpoint_is_fixed
    BEFORE UPDATE OR DELETE ON ledger_checkpoint
    FOR EACH ROW EXECUTE FUNCTION ledger_checkpoint_guard();
-- next
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
-- next
ALTER TABLE event FORCE ROW LEVEL SECURITY;
-- next
DROP POLICY IF EXISTS event_is_for_its_parties ON event;
-- next
CREATE POLICY event_is_for_its_parties ON event USING (
      (SELECT current_setting('packtrail.party', true)) = '*'
      OR EXISTS (SELECT 1 FROM event_party p WHERE p.seq = event.seq
        AND p.party = (SELECT current_setting('packtrail.party', true))));
-- next
CREATE OR REPLACE VIEW item_key AS SELECT key, id FROM item;
