package keytemplate

import "math"

// pythonFloats is what CPython 3.11 prints for print(x).
var pythonFloats = []struct {
	x    float64
	want string
}{
	{math.Float64frombits(0x0000000000000000), "0.0"},
	{math.Float64frombits(0x8000000000000000), "-0.0"},
	{math.Float64frombits(0x3ff0000000000000), "1.0"},
	{math.Float64frombits(0xbff0000000000000), "-1.0"},
	{math.Float64frombits(0x3fb999999999999a), "0.1"},
	{math.Float64frombits(0x3fd5555555555555), "0.3333333333333333"},
	{math.Float64frombits(0x3fe5555555555555), "0.6666666666666666"},
	{math.Float64frombits(0x4059000000000000), "100.0"},
	{math.Float64frombits(0x430c6bf526340000), "1000000000000000.0"},
	{math.Float64frombits(0x4341c37937e08000), "1e+16"},
	{math.Float64frombits(0x4341c37937e07fff), "9999999999999998.0"},
	{math.Float64frombits(0x4345ee2a2eb5a5c4), "1.2345678901234568e+16"},
	{math.Float64frombits(0x437b69b4ba630f35), "1.2345678901234568e+17"},
	{math.Float64frombits(0x4376345785d8a000), "1e+17"},
	{math.Float64frombits(0x4480f0cf064dd592), "1e+22"},
	{math.Float64frombits(0x44b52d02c7e14af6), "1e+23"},
	{math.Float64frombits(0x3f1a36e2eb1c432d), "0.0001"},
	{math.Float64frombits(0x3f202e4b6ce5dc68), "0.00012345"},
	{math.Float64frombits(0x3f1a36371ea531a8), "9.999e-05"},
	{math.Float64frombits(0x3ee4f8b588e368f1), "1e-05"},
	{math.Float64frombits(0x3eef75104d551d69), "1.5e-05"},
	{math.Float64frombits(0xbeef75104d551d69), "-1.5e-05"},
	{math.Float64frombits(0x54b249ad2594c37d), "1e+100"},
	{math.Float64frombits(0xd4b249ad2594c37d), "-1e+100"},
	{math.Float64frombits(0x2b2bff2ee48e0530), "1e-100"},
	{math.Float64frombits(0x0000000000000001), "5e-324"},
	{math.Float64frombits(0x0010000000000000), "2.2250738585072014e-308"},
	{math.Float64frombits(0x7fefffffffffffff), "1.7976931348623157e+308"},
	{math.Float64frombits(0x400921fb54442d18), "3.141592653589793"},
	{math.Float64frombits(0x4004000000000000), "2.5"},
	{math.Float64frombits(0x444b1ae4d6e2ef50), "1e+21"},
	{math.Float64frombits(0x40fe240c9fbe76c9), "123456.789"},
	{math.Float64frombits(0x3fd3333333333334), "0.30000000000000004"},
	{math.Float64frombits(0x4330000000000000), "4503599627370496.0"},
	{math.Float64frombits(0x4340000000000000), "9007199254740992.0"},
	{math.Float64frombits(0x7ff0000000000000), "inf"},
	{math.Float64frombits(0xfff0000000000000), "-inf"},
	{math.Float64frombits(0x7ff8000000000000), "nan"},
}
