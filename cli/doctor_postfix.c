/* doctor: the checks of Postfix. */
#include "doctor.h"

void doctor_postfix(struct doctor *doctor)
{
	doctor_report(doctor, "postfix", DOCTOR_SKIP, "not checked yet");
}
