/* doctor: the checks of Sendmail. */
#include "doctor.h"

void doctor_sendmail(struct doctor *doctor)
{
	doctor_report(doctor, "sendmail", DOCTOR_SKIP, "not checked yet");
}
