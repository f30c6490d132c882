#include "staple_state.h"

const char *staple_state_name(enum staple_state state)
{
	switch (state) {
	case STAPLE_NONE:
		return "none";
	case STAPLE_GOOD:
		return "good";
	case STAPLE_REVOKED:
		return "revoked";
	case STAPLE_UNUSABLE:
		return "unusable";
	}
	return "";
}
