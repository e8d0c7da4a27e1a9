package ui

// Parts of sentences that several texts share.
const (
	deCheckMail = " Falls keine E-Mail ankommt, sehen Sie bitte im Spam-Ordner nach und prüfen Sie, ob Sie mit dieser Adresse " +
		"registriert sind."
	deFilledIn  = " Bitte prüfen Sie, ob das Formular vollständig ausgefüllt ist."
	deDone      = "Dieser Vorgang ist bereits abgeschlossen und kann nicht wiederholt werden."
	deCodeWrong = " ist falsch oder wurde bereits verwendet. Bitte versuchen Sie es noch einmal."
	deLinkWrong = "Dieser Link ist ungültig oder wurde bereits verwendet. Bitte fordern Sie einen neuen an."
	deStuck     = "Hier geht es nicht weiter. Bitte beginnen Sie von vorn."
	deExpired   = " ist abgelaufen. Bitte beginnen Sie noch einmal."
)

// german are the sentences of the texts in German, {name} standing for a value of the context. Texts that are nothing but a
// value have none. Nothing writes to it.
var german = map[int]string{
	1010001: "Anmelden",
	1010002: "Mit {provider} anmelden",
	1010003: "Bitte bestätigen Sie, dass Sie es sind.",
	1010004: "Bitte bestätigen Sie die Anmeldung mit Ihrem zweiten Faktor.",
	1010005: "Bestätigen",
	1010006: "Code aus der Authenticator-App",
	1010007: "Ersatzcode",
	1010008: "Mit Sicherheitsschlüssel anmelden",
	1010009: "Authenticator-App verwenden",
	1010010: "Ersatzcode verwenden",
	1010011: "Mit Sicherheitsschlüssel anmelden",
	1010012: "Halten Sie Ihren Sicherheitsschlüssel oder Fingerabdruckleser bereit und drücken Sie auf „Weiter“.",
	1010013: "Weiter",
	1010014: "Wir haben einen Code an die angegebene Adresse geschickt. Falls er nicht ankommt, prüfen Sie bitte die " +
		"Schreibweise der Adresse und versuchen Sie es noch einmal.",
	1010015: "Code zum Anmelden senden",
	1010016: "Sie wollten sich mit „{duplicateIdentifier}“ anmelden, aber diese Adresse gehört schon zu einem Konto. Melden " +
		"Sie sich auf einem der folgenden Wege bei Ihrem Konto an, um „{duplicateIdentifier}“ bei „{provider}“ als weitere " +
		"Anmeldung hinzuzufügen.",
	1010017: "Anmelden und verknüpfen",
	1010018: "Mit {provider} bestätigen",
	1010019: "Code anfordern",
	1010020: "Wir schicken einen Code an {masked_address}. Bitte geben Sie diese Adresse hier vollständig ein.",
	1010021: "Mit Passkey anmelden",
	1010022: "Mit Passwort anmelden",
	1010023: "Code an {address} senden",
	1010024: "Mit Geräteschlüssel anmelden",
	1010025: "Wir haben einen Code an Ihre Adresse geschickt. Falls er nicht ankommt, versuchen Sie es bitte noch einmal.",

	1040001: "Registrieren",
	1040002: "Mit {provider} registrieren",
	1040003: "Weiter",
	1040004: "Mit Sicherheitsschlüssel registrieren",
	1040005: "Wir haben einen Code an die angegebene Adresse geschickt. Falls er nicht ankommt, prüfen Sie bitte die " +
		"Schreibweise der Adresse und registrieren Sie sich noch einmal.",
	1040006: "Code zum Registrieren senden",
	1040007: "Mit Passkey registrieren",
	1040008: "Zurück",
	1040009: "Bitte wählen Sie, womit Sie sich künftig anmelden.",

	1050001: "Ihre Änderungen sind gespeichert.",
	1050002: "Mit {provider} verknüpfen",
	1050003: "Verknüpfung mit {provider} lösen",
	1050004: "Authenticator-App entfernen",
	1050005: "QR-Code für die Authenticator-App",
	1050007: "Ersatzcodes anzeigen",
	1050008: "Neue Ersatzcodes erzeugen",
	1050010: "Das sind Ihre Ersatzcodes. Bitte bewahren Sie sie sicher auf.",
	1050011: "Ersatzcodes übernehmen",
	1050012: "Sicherheitsschlüssel hinzufügen",
	1050013: "Name des Sicherheitsschlüssels",
	1050014: "Verwendet am {used_at}",
	1050016: "Nicht mehr verwenden",
	1050017: "Das ist der Schlüssel für Ihre Authenticator-App, falls Sie den QR-Code nicht scannen können.",
	1050018: "Sicherheitsschlüssel „{display_name}“ entfernen",
	1050019: "Passkey hinzufügen",
	1050020: "Passkey „{display_name}“ entfernen",
	1050023: "Ihr Konto wird von Ihrer Organisation verwaltet. Für Änderungen wenden Sie sich bitte an diese.",

	1060001: "Sie haben wieder Zugang zu Ihrem Konto. Bitte ändern Sie innerhalb der nächsten {minutes} Minuten Ihr Passwort " +
		"oder richten Sie eine andere Anmeldemöglichkeit ein.",
	1060002: "Wir haben einen Link zur Wiederherstellung an die angegebene Adresse geschickt." + deCheckMail,
	1060003: "Wir haben einen Code zur Wiederherstellung an die angegebene Adresse geschickt." + deCheckMail,
	1060004: "Wir haben einen Code zur Wiederherstellung an {masked_address} geschickt. Falls er nicht ankommt, prüfen Sie " +
		"bitte die Schreibweise der Adresse und ob Sie mit ihr registriert sind.",
	1060005: "Geben Sie Ihre Adresse vollständig ein, um wieder Zugang zu Ihrem Konto zu bekommen.",
	1060006: "Wie möchten Sie wieder Zugang zu Ihrem Konto bekommen?",
	1060007: "Zurück",

	1070001: "Passwort",
	1070003: "Speichern",
	1070004: "Benutzername oder E-Mail-Adresse",
	1070005: "Absenden",
	1070006: "Code",
	1070007: "E-Mail-Adresse",
	1070008: "Code noch einmal senden",
	1070009: "Weiter",
	1070010: "Code zur Wiederherstellung",
	1070011: "Code zur Bestätigung",
	1070012: "Code zum Registrieren",
	1070013: "Code zum Anmelden",
	1070014: "Anmelden und verknüpfen",
	1070015: "Bitte bestätigen Sie, dass Sie kein Roboter sind.",
	1070016: "Adresse zur Wiederherstellung",
	1070017: "Telefonnummer",
	1070018: "E-Mail-Adresse oder Telefonnummer",

	1080001: "Wir haben einen Link zur Bestätigung an die angegebene Adresse geschickt." + deCheckMail,
	1080002: "Ihre E-Mail-Adresse ist bestätigt.",
	1080003: "Wir haben einen Code zur Bestätigung an die angegebene Adresse geschickt." + deCheckMail,
	1080004: "Wir haben eine SMS mit einem Code zur Bestätigung an die angegebene Nummer geschickt. Falls keine SMS ankommt, " +
		"prüfen Sie bitte die Nummer und ob Sie mit ihr registriert sind.",
	1080005: "Ihre Telefonnummer ist bestätigt.",

	4000002: "{property} fehlt.",
	4000003: "Bitte geben Sie mindestens {min_length} Zeichen ein (derzeit {actual_length}).",
	4000004: "Entspricht nicht dem Muster „{pattern}“.",
	4000005: "Dieses Passwort kann nicht verwendet werden: {reason}.",
	4000006: "Die Anmeldedaten sind nicht korrekt. Bitte prüfen Sie Ihre Eingaben.",
	4000007: "Mit dieser E-Mail-Adresse, Telefonnummer oder diesem Benutzernamen gibt es bereits ein Konto.",
	4000008: "Der Code aus der Authenticator-App ist falsch. Bitte versuchen Sie es noch einmal.",
	4000009: "Es fehlt eine Angabe, mit der Sie sich anmelden können, zum Beispiel eine E-Mail-Adresse.",
	4000010: "Das Konto ist noch nicht aktiv. Bitte bestätigen Sie zuerst Ihre E-Mail-Adresse.",
	4000011: "Sie haben keine Authenticator-App eingerichtet.",
	4000012: "Dieser Ersatzcode wurde bereits verwendet.",
	4000013: "Sie haben keinen Sicherheitsschlüssel eingerichtet.",
	4000014: "Sie haben keine Ersatzcodes eingerichtet.",
	4000015: "Dieses Konto gibt es nicht, oder es hat keinen Sicherheitsschlüssel.",
	4000016: "Dieser Ersatzcode ist falsch.",
	4000017: "Bitte geben Sie höchstens {max_length} Zeichen ein (derzeit {actual_length}).",
	4000018: "Muss mindestens {minimum} sein (derzeit {actual}).",
	4000019: "Muss größer als {minimum} sein (derzeit {actual}).",
	4000020: "Darf höchstens {maximum} sein (derzeit {actual}).",
	4000021: "Muss kleiner als {maximum} sein (derzeit {actual}).",
	4000022: "{actual} ist kein Vielfaches von {base}.",
	4000023: "Höchstens {max_items} Einträge erlaubt (derzeit {actual_items}).",
	4000024: "Mindestens {min_items} Einträge nötig (derzeit {actual_items}).",
	4000025: "Die Einträge {index_a} und {index_b} sind gleich.",
	4000026: "Erwartet wird {allowed_types}, nicht {actual_type}.",
	4000027: "Mit dieser E-Mail-Adresse, Telefonnummer oder diesem Benutzernamen gibt es bereits ein Konto. Bitte melden Sie " +
		"sich dort an, um beide zu verknüpfen.",
	4000028: "{credential_identifier_hint} gehört bereits zu einem anderen Konto.{ways}",
	4000029: "Muss gleich {expected} sein.",
	4000030: "Hat nicht den vorgeschriebenen Wert.",
	4000031: "Dieses Passwort ist Ihrem Benutzernamen oder Ihrer E-Mail-Adresse zu ähnlich.",
	4000032: "Das Passwort muss mindestens {min_length} Zeichen lang sein (derzeit {actual_length}).",
	4000033: "Das Passwort darf höchstens {max_length} Zeichen lang sein (derzeit {actual_length}).",
	4000034: "Dieses Passwort ist durch ein Datenleck bekannt geworden und darf nicht mehr verwendet werden.",
	4000035: "Dieses Konto gibt es nicht, oder die Anmeldung mit Code ist dafür nicht eingerichtet.",
	4000036: "Die Angaben passen nicht zu denen aus dem vorigen Schritt.",
	4000037: "Dieses Konto gibt es nicht, oder dafür ist keine Anmeldemöglichkeit eingerichtet.",
	4000038: "Wir konnten nicht feststellen, dass Sie kein Roboter sind. Bitte versuchen Sie es noch einmal.",
	4000039: "Das neue Passwort muss sich vom alten unterscheiden.",
	4000040: "Bitte geben Sie eine gültige E-Mail-Adresse ein.",
	4000041: "Bitte geben Sie eine gültige Telefonnummer ein.",
	4000042: "Sie haben keinen Geräteschlüssel eingerichtet.",
	4000043: "Die Anmeldung mit dem Sicherheitsschlüssel ist fehlgeschlagen. Bitte versuchen Sie es noch einmal.",
	4000044: "Die Signatur des Geräts ist ungültig.",
	4000045: "Dieser Geräteschlüssel kann nicht mehr verwendet werden. Bitte richten Sie Ihr Gerät neu ein.",
	4009001: "Zu viele Versuche. Bitte warten Sie {retry_after} Sekunden und versuchen Sie es dann noch einmal.",
	4009002: "Sie haben sich nicht mit {provider} angemeldet. Versuchen Sie es noch einmal, oder wählen Sie einen anderen Weg.",
	4009003: "Die Anmeldung mit {provider} hat nicht geklappt. Versuchen Sie es gleich noch einmal, oder wählen Sie einen anderen Weg.",

	4010001: "Diese Anmeldung" + deExpired,
	4010002: "Diese Art der Anmeldung gibt es nicht." + deFilledIn,
	4010003: "Diese Art der Registrierung gibt es nicht." + deFilledIn,
	4010004: "Diese Änderung ist nicht möglich." + deFilledIn,
	4010005: "Diese Art der Wiederherstellung gibt es nicht." + deFilledIn,
	4010006: "Diese Art der Bestätigung gibt es nicht." + deFilledIn,
	4010007: deDone,
	4010008: "Der Code zum Anmelden" + deCodeWrong,
	4010009: "Sie haben sich bei einem anderen Konto angemeldet als dem, das verknüpft werden soll.",
	4010010: "Diese Adresse gehört nicht zu Ihrem Konto.",
	4010011: "Dieses Konto ist gesperrt. Bitte wenden Sie sich an den Betreiber.",

	4040001: "Diese Registrierung" + deExpired,
	4040002: deDone,
	4040003: "Der Code zum Registrieren" + deCodeWrong,

	4050001: "Diese Seite" + deExpired,
	4050002: "Bitte ändern Sie Ihre Adressen einzeln, eine nach der anderen.",

	4060001: deDone,
	4060002: deStuck,
	4060004: deLinkWrong,
	4060005: "Diese Wiederherstellung" + deExpired,
	4060006: "Der Code zur Wiederherstellung" + deCodeWrong,

	4070001: deLinkWrong,
	4070002: deDone,
	4070003: deStuck,
	4070005: "Diese Bestätigung" + deExpired,
	4070006: "Der Code zur Bestätigung" + deCodeWrong,

	5000002: "Derzeit ist keine Anmeldung möglich. Bitte wenden Sie sich an den Betreiber.",
	5000003: "Ihre Organisation verlangt die Anmeldung bei ihrem eigenen Anbieter, aber es ist keiner eingerichtet. Bitte " +
		"wenden Sie sich an den Betreiber.",
}
