#include "deed_words.h"

const char *deed_done(const struct verdict_record *record)
{
	bool milter = record->door == DOOR_MILTER;
	if (verdict_record_at_delivery(record))
		return "the map bound the delivery to the policy, and the MTA asked again within minutes";
	switch (record->deed) {
	case DEED_ACCEPT:
		if (record->door == DOOR_MAP)
			return "the map answered, so that the MTA could deliver";
		return milter ? "the milter accepted the message" : "policy delegation accepted the message";
	case DEED_TAG:
		return milter ? "the milter accepted the message and tagged it"
			      : "policy delegation accepted the message and tagged it";
	case DEED_QUARANTINE:
		return milter ? "the milter put the message on hold" : "policy delegation put the message on hold";
	case DEED_DEFER:
		return milter ? "the milter rejected the recipient for now (451), or the whole message (tls_required_no = headers)"
			      : "policy delegation rejected the recipient for now (451)";
	case DEED_REJECT:
		return "the milter rejected the recipient for good (550 5.7.30)";
	case DEED_TEMP:
		return "the map answered TEMP, so the MTA keeps the mail in its queue";
	}
	return "";
}

const char *deed_would(const struct verdict_record *record)
{
	if (record->would == record->deed || verdict_record_at_delivery(record))
		return "";
	switch (record->would) {
	case DEED_ACCEPT:
	case DEED_TAG:
		return "accepted the message";
	case DEED_QUARANTINE:
		return "put the message on hold";
	case DEED_DEFER:
		return "rejected the recipient for now (451)";
	case DEED_REJECT:
		return "rejected the recipient for good (550 5.7.30)";
	case DEED_TEMP:
		return "answered TEMP, so that the MTA keeps the mail in its queue";
	}
	return "";
}

/* Returns whether the map holds at delivery what the milter or policy delegation accepted: it gives the MTA the same verdict. */
static bool left_to_map(const struct verdict_record *record, const struct settings *settings)
{
	bool accepted = record->deed == DEED_ACCEPT || record->deed == DEED_TAG;
	bool bad = record->kind == VERDICT_FAIL_ENFORCE || record->kind == VERDICT_DEFER;
	return settings->mta_enforces && record->door != DOOR_MAP && accepted && bad && !record->monitor &&
	       record->override == OVERRIDE_NONE && !record->tls_required_no;
}

const char *deed_where(const struct verdict_record *record, const struct settings *settings)
{
	if (verdict_record_at_delivery(record))
		return "the MTA probably keeps the mail in its queue, because no mail host satisfies the policy";
	if (record->tls_required_no)
		return "stsgate did not delay it; an MTA that does not honour TLS-Required asks the map all the same";
	switch (record->deed) {
	case DEED_ACCEPT:
	case DEED_TAG:
		return left_to_map(record, settings)
			       ? "at delivery the MTA asks the map (mta_enforces), and keeps the message in this relay's "
				 "queue until it can be delivered safely"
			       : "stsgate did not delay it";
	case DEED_QUARANTINE:
		return "the message stays in this relay's queue until somebody releases it";
	case DEED_DEFER:
		return "the message is in the queue of the server that sent it, and that server tries again";
	case DEED_REJECT:
		return "the sender gets it back, and it is not sent to this recipient";
	case DEED_TEMP:
		return "the message is in this relay's queue, and the MTA tries again";
	}
	return "";
}

bool deed_delays(const struct verdict_record *record, const struct settings *settings)
{
	return left_to_map(record, settings) || verdict_record_delays(record);
}
